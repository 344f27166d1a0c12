import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Role } from './names.ts';

/**
 * The sources of each image, besides its own fly.*.toml; Redis's image contains no code, so that a
 * code change does not restart Redis.
 */
export const sources: Record<Role, readonly string[]> = {
  redis: ['Dockerfile', 'docker/redis.sh'],
  relay: ['Dockerfile', 'package-lock.json', 'relay', 'shared'],
  vm: ['Dockerfile', 'docker/vm.sh', 'package-lock.json', 'worker', 'shared'],
};

/**
 * Hashes the sources of an app into an image tag: the same sources give the same tag. A deployed
 * machine thereby shows whether it is up to date, and a rollback can name an earlier image.
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

/** The files below a path, sorted; empty when the path does not exist. */
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
