import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * The size of a file that a turn writes (bytes): more than a pipe holds, so that the tar of a
 * snapshot waits for restic and can be killed.
 */
const fileBytes = 100_000;

/** How many files an answer names: they are far below the length of one message. */
const mostNamed = 60;

/** Before the names of the files in an answer. */
const mark = 'files: ';

const directory = 'kept';

/**
 * Writes the file of a message's turn into a workspace, whole or not at all. Returns the labels of
 * all whole files there, the last messages' ones, oldest first.
 */
export async function keepFile(workspace: string, label: string): Promise<string[]> {
  const kept = path.join(workspace, directory);
  await mkdir(kept, { recursive: true });
  await writeFile(path.join(workspace, `.${label}`), `${label}\n`.padEnd(fileBytes, '.'));
  await rename(path.join(workspace, `.${label}`), path.join(kept, label));
  const names = (await readdir(kept)).toSorted();
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(path.join(kept, name))).size),
  );
  return names.filter((_name, index) => sizes[index] === fileBytes).slice(-mostNamed);
}

/** The files as a line of an answer. */
export function formatFiles(labels: readonly string[]): string {
  return `${mark}${labels.join(', ')}`;
}

/** The files that an answer names; undefined if it names none. */
export function readFiles(answer: string): { labels: string[]; isAll: boolean } | undefined {
  const line = answer.split('\n').find((found) => found.startsWith(mark));
  if (line === undefined) return undefined;
  const labels = line.slice(mark.length).split(', ');
  return { labels, isAll: labels.length < mostNamed };
}
