import path from 'node:path';
import { cut } from '../../shared/runtime/cut.ts';

/** Limit on a name in a message (UTF-16 units), and on the ending that it keeps. */
const longestName = 100;
const longestEnding = 16;

/**
 * Signs that break a line or turn the direction of what follows, such as a link: an agent may have
 * taken the name from anywhere. Joiners stay, since some scripts and emoji need them.
 */
const misleading = /(?![\u{200C}\u{200D}])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The name of a file at `file` for the person: one short line that shows the true ending. */
export function nameForPerson(file: string): string {
  const name = path.basename(file).toWellFormed().replaceAll(misleading, '').trim();
  if (name.length <= longestName) return name === '' ? 'file' : name;
  const ending = path.extname(name);
  return ending.length > longestEnding
    ? cut(name, longestName)
    : `${cut(path.basename(name, ending), longestName - ending.length)}${ending}`;
}
