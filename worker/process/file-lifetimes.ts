import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { runAsAgentOrOwn } from '../agent/sandbox/shell.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';

export type FileLifetimeParts = {
  dataDir: string;
  imagesDir: string;
  /** Files are removed after this many days without being read or changed. */
  days: number;
  user: AgentUser | undefined;
  /** Whether a turn runs in the conversation whose directories have this name. */
  isAtWork: (name: string) => boolean;
  log: Log;
};

/**
 * Removes unused files: pictures, temporary files, and files that people have sent (the workspace's
 * `inbox/`). Everything else in a workspace is the person's.
 */
export type FileLifetimes = {
  /** Cleans once; never rejects. */
  clean(): Promise<void>;
  /** Cleans daily. */
  start(): Running;
};

const dayMs = 24 * 3600_000;

/**
 * `find` follows no symlinks, which the agent may have placed, and runs with the agent's rights.
 * Empty directories are removed, too.
 */
const script = `[ -d "$1" ] || exit 0
exec find "$1" -xdev -depth -mindepth 1 \\( ! -type d -mmin "+$2" -amin "+$2" -o -type d -empty -mmin "+$2" \\) -delete`;

export function createFileLifetimes({
  dataDir,
  imagesDir,
  days,
  user,
  isAtWork,
  log,
}: FileLifetimeParts): FileLifetimes {
  const namesIn = async (directory: string): Promise<string[]> =>
    await readdir(directory).catch(() => []);
  const minutes = String(Math.ceil(days * 24 * 60));

  const cleanDirectory = async (directory: string): Promise<void> => {
    const parameters = [directory, minutes];
    const { code, said } = await runAsAgentOrOwn(user, script, parameters);
    if (code !== 0) log.warn({ reason: said }, 'some unused files were not removed');
  };
  const clean = async (): Promise<void> => {
    const slots = [
      { within: imagesDir, inside: '' },
      { within: path.join(dataDir, 'tmp'), inside: '' },
      { within: path.join(dataDir, 'workspaces'), inside: 'inbox' },
    ];
    for (const { within, inside } of slots) {
      for (const name of await namesIn(within)) {
        // A turn may need a file that it has not touched for long; the next run removes it.
        if (!isAtWork(name)) await cleanDirectory(path.join(within, name, inside));
      }
    }
  };
  const cleanAll = async (): Promise<void> =>
    await clean().catch((error: unknown) =>
      log.warn({ err: error }, 'removing unused files failed'),
    );
  return {
    clean: cleanAll,
    start() {
      const timer = setInterval(() => void cleanAll(), dayMs).unref();
      return { stop: async () => clearInterval(timer) };
    },
  };
}
