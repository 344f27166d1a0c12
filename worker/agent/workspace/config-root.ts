import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Directories from which Claude Code takes a project's settings in place of the workspace. They are
 * the worker's own and hold no settings, so whatever the workspace's `.claude/settings.json`,
 * `settings.local.json` and `.mcp.json` say, also later, is not read. What only has words for
 * Claude is linked: commands, skills and agents. `CLAUDE.md` and its like come from the workspace
 * itself.
 */
export type ConfigRoots = {
  /** The root for a workspace. */
  of(workspace: string): Promise<string>;
  /** A root for a workspace that is not known yet; `name` tells it from others. */
  park(name: string): Promise<string>;
  /** Makes a parked root that of a workspace. */
  link(root: string, workspace: string): Promise<void>;
  /** Removes a parked root. */
  remove(root: string): Promise<void>;
  close(): Promise<void>;
};

/** What of a workspace's `.claude` is linked. */
const linked = ['commands', 'skills', 'agents'];

/**
 * `dataDir` gives the roots their name, so that paths in a transcript lead somewhere also after a
 * restart.
 */
export function createConfigRoots(dataDir: string): ConfigRoots {
  let base: Promise<string> | undefined;
  const make = async (kind: string, name: string): Promise<string> => {
    const kinds = path.join(await (base ??= makeBase(dataDir)), kind);
    const root = path.join(kinds, name);
    // Where the agent is the worker's own user, it could have laid settings there.
    await rm(root, { recursive: true, force: true });
    await mkdir(path.join(root, '.claude'), { recursive: true });
    // The agent reads them, whatever the worker's umask is.
    await Promise.all(
      [kinds, root, path.join(root, '.claude')].map((directory) => chmod(directory, 0o755)),
    );
    return root;
  };
  const link = async (root: string, workspace: string): Promise<void> => {
    await Promise.all(
      linked.map((name) =>
        symlink(path.join(workspace, '.claude', name), path.join(root, '.claude', name)).catch(
          ignoreExisting,
        ),
      ),
    );
  };
  return {
    async of(workspace) {
      const root = await make('workspaces', path.basename(workspace));
      await link(root, workspace);
      return root;
    },
    park: (name) => make('spares', name),
    link,
    remove: (root) => rm(root, { recursive: true, force: true }),
    async close() {
      if (base) await rm(await base, { recursive: true, force: true });
    },
  };
}

/**
 * In the usual temporary directory, where others may have laid something under that name: then a
 * name that only the worker knows is taken.
 */
async function makeBase(dataDir: string): Promise<string> {
  const named = path.join(
    tmpdir(),
    `sidepocket-config-${createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 16)}`,
  );
  await mkdir(named, { mode: 0o755 }).catch(ignoreExisting);
  const about = await lstat(named);
  const isOwn =
    about.isDirectory() && about.uid === process.getuid?.() && (about.mode & 0o022) === 0;
  const base = isOwn ? named : await mkdtemp(`${named}-`);
  await chmod(base, 0o755);
  return base;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
