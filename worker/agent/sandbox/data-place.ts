import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { AgentUser } from './user.ts';
import { findBarrier, makePublicDirectory } from './reach.ts';

/**
 * The entries at the top of an agent's directory; `sealed`, `snapshots` and `.sidepocket` are the
 * worker's.
 */
const ours = new Set([
  'claude',
  'home',
  'images',
  'people',
  'sealed',
  'snapshots',
  'spare',
  'temp',
  'tmp',
  'transcripts',
  'workspaces',
  '.agent-user',
  '.sidepocket',
]);

/**
 * The real location of the agent's directory: the given one, or, when the agent's user may not
 * enter it and the worker is root, a public directory that takes over the content and is linked
 * from the given path. Throws, with a sentence, when neither is possible. A worker that is not root
 * leaves it unchanged.
 */
export async function reachData(directory: string, user: AgentUser): Promise<string> {
  const real = await realpath(directory).catch(() => directory);
  if (process.getuid?.() !== 0) return directory;
  const barrier = await findBarrier(real, user);
  if (barrier === undefined) return real;
  const names = await readdir(real).catch(() => []);
  if (names.some((name) => !ours.has(name)))
    throw new Error(
      `the user “${user.name}” may not enter ${barrier}, and ${directory} holds other things than the agent’s, so it is left where it is: choose another place`,
    );
  const place = path.join(
    await makePublicDirectory(createHash('sha256').update(real).digest('hex').slice(0, 12), real),
    path.basename(real),
  );
  await mkdir(path.dirname(real), { recursive: true });
  if (names.length > 0 && (await isFilled(place)))
    throw new Error(
      `what was said to lie in ${directory} lies in ${place} since an earlier start, and both hold something`,
    );
  if (await isFilled(place)) await rm(real, { recursive: true, force: true });
  else await moveTo(real, place);
  await symlink(place, real);
  return place;
}

async function isFilled(directory: string): Promise<boolean> {
  return (await readdir(directory).catch(() => [])).length > 0;
}

async function moveTo(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  if (!(await lstat(from).catch(() => undefined))) return void (await mkdir(to, { mode: 0o700 }));
  try {
    await rename(from, to);
  } catch {
    await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    await rm(from, { recursive: true });
  }
}

/**
 * Why a directory cannot be one of the worker's own in which each person has theirs; undefined when
 * it can. Everybody may pass through it then. It may be missing.
 */
export async function findObstacle(directory: string): Promise<string | undefined> {
  const own = process.getuid?.();
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const about = await lstat(directory);
  if (!about.isDirectory()) return `${directory} is no directory`;
  if (about.uid !== own && about.uid !== 0)
    return `${directory} belongs to the user ${about.uid}, who could move the files of others`;
  if ((about.mode & 0o022) !== 0 || (about.mode & 0o001) === 0) {
    if (about.uid !== own) return `${directory} has the wrong mode (chmod 711 ${directory})`;
    await chmod(directory, 0o711);
  }
  return undefined;
}
