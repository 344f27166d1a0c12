import { cut } from '../../shared/runtime/cut.ts';
import type { Counts } from './note.ts';

/** “7 files, +1,200 −34”: what was changed. `name` is the file's name when it is a single one. */
export function countWords({ files, added, removed, ignored }: Counts, name?: string): string {
  if (files === ignored) return `${filesWord(files)} that git ignores`;
  const [plus, minus] = [added, removed].map((lines) => lines.toLocaleString('en'));
  const lines = added + removed === 0 ? '' : `, +${plus} −${minus}`;
  const also = ignored === 0 ? '' : `, and ${filesWord(ignored)} that git ignores`;
  const seen = files - ignored;
  return `${seen === 1 && name !== undefined ? cut(name, 60) : filesWord(seen)}${lines}${also}`;
}

export function filesWord(count: number): string {
  return count === 1 ? '1 file' : `${count.toLocaleString('en')} files`;
}

/**
 * The line under an answer that has changed files. `url` is the page with the changes, if there is
 * one.
 */
export function changeLine(
  counts: Counts,
  name: string | undefined,
  url: string | undefined,
): string {
  const seen = url === undefined ? '' : ` · see it: ${url}`;
  return `${countWords(counts, name)}${seen} · /undo`;
}

/** The items as one clause: “a, b and c”. */
export function listWords(items: readonly string[]): string {
  return items.length < 2
    ? (items[0] ?? '')
    : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}
