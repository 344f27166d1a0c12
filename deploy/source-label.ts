import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Role } from './names.ts';

/**
 * What the images are made of, besides their own fly.*.toml; Redis's has no code in it, so that a
 * change of the code does not restart Redis.
 */
export const sources: Record<Role, readonly string[]> = {
  redis: ['Dockerfile', 'docker/redis.sh'],
  relay: ['Dockerfile', 'package-lock.json', 'relay', 'shared'],
  vm: ['Dockerfile', 'docker/vm.sh', 'package-lock.json', 'worker', 'shared'],
};

/**
 * Names the state of the sources that an app is built from, as a tag of its image: the same
 * sources, the same tag. So a deployed machine says whether it is up to date, and an earlier image
 * can be named for going back.
 */
export async function labelSources(root: string, role: Role): Promise<string> {
  const hash = createHash('sha256');
  for (const source of [...sources[role], `fly.${role}.toml`]) {
    for (const file of await listFiles(root, source))
      hash
        .update(`${file}\0`)
        .update(await readFile(path.join(root, file)))
        .update('\0');
  }
  return `sidepocket-${hash.digest('hex').slice(0, 12)}`;
}

/** The files below a path, sorted; none when there is no such path. */
async function listFiles(root: string, name: string): Promise<string[]> {
  try {
    const entries = await readdir(path.join(root, name), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
      .toSorted();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [name];
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
