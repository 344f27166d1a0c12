import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Directories that Claude Code reads as a project's settings instead of the workspace. They belong
 * to the worker and hold no settings, so the workspace's `.claude/settings.json`,
 * `settings.local.json` and `.mcp.json` are never read, whatever they say later. Only what holds
 * text for Claude is linked: commands, skills and agents. `CLAUDE.md` and similar files come from
 * the workspace itself.
 */
export type ConfigRoots = {
  /** The root for a workspace. */
  of(workspace: string): Promise<string>;
  /** Creates a root for a workspace that is not known yet; `name` must be unique. */
  park(name: string): Promise<string>;
  /** Assigns a parked root to a workspace. */
  link(root: string, workspace: string): Promise<void>;
  /** Removes a parked root. */
  remove(root: string): Promise<void>;
  close(): Promise<void>;
};

/** The linked parts of a workspace's `.claude`. */
const linked = ['commands', 'skills', 'agents'];

/**
 * The roots' names derive from `dataDir`, so that paths in a transcript stay valid across restarts.
 */
export function createConfigRoots(dataDir: string): ConfigRoots {
  let base: Promise<string> | undefined;
  const make = async (kind: string, name: string): Promise<string> => {
    const kinds = path.join(await (base ??= makeBase(dataDir)), kind);
    const root = path.join(kinds, name);
    // If the agent shares the worker's user, it could have put settings there.
    await rm(root, { recursive: true, force: true });
    await mkdir(path.join(root, '.claude'), { recursive: true });
    // Readable by the agent, independent of the worker's umask; a person sees no name of another.
    await chmod(kinds, 0o711);
    await Promise.all(
      [root, path.join(root, '.claude')].map((directory) => chmod(directory, 0o755)),
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
 * Uses the temporary directory, where others may have created that name already: then it takes a
 * random name.
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
  await chmod(base, 0o711);
  return base;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
