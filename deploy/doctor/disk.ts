import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import path from 'node:path';
import { ok, problem } from './finding.ts';
import type { Finding } from './finding.ts';

const about = 'Disk';
/** Below this, cloning a repository or a browser download can fill the disk. */
const leastBytes = 1024 ** 3;

/**
 * Checks whether the worker can keep its data there. @param directory DATA_DIR; may be missing if
 * it can be created.
 */
export async function checkDisk(directory: string): Promise<Finding> {
  const present = await nearestPresent(directory);
  try {
    await access(present, constants.W_OK | constants.X_OK);
  } catch {
    return problem(
      about,
      present === directory
        ? `${directory} cannot be written`
        : `${directory} does not exist and cannot be made`,
      'Give it to the user that the worker runs as, or set DATA_DIR to a directory of theirs.',
    );
  }
  const { bavail, bsize, ffree, files } = await statfs(present);
  const free = bavail * bsize;
  const gigabytes = (free / leastBytes).toFixed(1);
  if (free < leastBytes)
    return problem(
      about,
      `${gigabytes} GB are free in ${directory}`,
      'Free some space, or make the volume larger (on Fly: fly volumes extend).',
    );
  if (files > 0 && ffree < 10_000)
    return problem(
      about,
      `the file system of ${directory} can hold only ${ffree} more files`,
      'Remove files that are not needed, or take a larger volume.',
    );
  return ok(about, `${gigabytes} GB are free in ${directory}`);
}

async function nearestPresent(directory: string): Promise<string> {
  for (let at = directory; ; at = path.dirname(at)) {
    if (at === path.dirname(at)) return at;
    const isThere = await access(at).then(
      () => true,
      (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'ENOENT'),
    );
    if (isThere) return at;
  }
}
