import { lstat, mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** The user whose access is checked. */
type Walker = { uid: number; gid: number };

/**
 * The first directory on the way to a path that a user may not enter; undefined if they may enter
 * all. Follows the real path, as far as it exists. Ignores ACLs.
 */
export async function findBarrier(
  target: string,
  { uid, gid }: Walker,
): Promise<string | undefined> {
  const real = await realOf(target);
  const steps = path.dirname(real).split(path.sep);
  for (let count = 1; count <= steps.length; count += 1) {
    const directory = steps.slice(0, count).join(path.sep) || path.sep;
    const about = await stat(directory).catch(() => undefined);
    if (!about) return undefined;
    const bit = about.uid === uid ? 0o100 : about.gid === gid ? 0o010 : 0o001;
    if ((about.mode & bit) === 0) return directory;
  }
  return undefined;
}

/** The path without symlinks, even when its end does not exist yet. */
async function realOf(target: string): Promise<string> {
  try {
    return await realpath(target);
  } catch {
    const parent = path.dirname(target);
    return parent === target ? target : path.join(await realOf(parent), path.basename(target));
  }
}

/**
 * Where root puts files that the agent's user must reach: below /var/lib, or below /tmp for files
 * from /tmp.
 */
const publicPlace = '/var/lib/sidepocket';

/**
 * Creates a directory of root's that every user may enter and only root may write to, named after
 * `name`, which is unique. Throws when something else is in its place.
 */
export async function makePublicDirectory(name: string, forPath: string): Promise<string> {
  const isTemporary = (await realOf(forPath)).startsWith('/tmp/');
  const directory = isTemporary ? `/tmp/sidepocket-${name}` : path.join(publicPlace, name);
  if (!isTemporary) await mkdir(publicPlace, { recursive: true, mode: 0o755 });
  await mkdir(directory, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const about = await lstat(directory);
  if (!about.isDirectory() || about.uid !== process.getuid?.() || (about.mode & 0o022) !== 0)
    throw new Error(`${directory} is not a directory of this user's own`);
  return directory;
}
