import { formatMoment } from '../../shared/runtime/time-zone.ts';
import { agoInWords } from '../commands/format-age.ts';
import type { Note } from './notes.ts';

/** A restore that the person was not notified of. Times are ms since 1970. */
export type Untold = NonNullable<Note['untold']>;

/** Tells a person that their files were restored. */
export function restoredWords({ at, links }: Untold, now: number, timezone = 'UTC'): string {
  const left =
    links > 0 ? ` Links that led out of your own files are not among them (${links}).` : '';
  return `Your files are back as they were ${agoInWords(at, now)} (${formatMoment(at, timezone)}). What changed after that is lost.${left}`;
}

/** Tells the owner that a person's snapshots fail, and what that means. */
export function failingWords(name: string, reason: string): string {
  return `I cannot save ${name}’s files to the snapshot store: ${reason}. I keep trying. Until it works, a lost disk would lose what changed since the last snapshot.`;
}

/** Tells the owner that a person's snapshots are not where they were. */
export function goneWords(name: string): string {
  return `${name}’s files could not be restored: their snapshots are not in the store any more. I go on with what is on the disk.`;
}

/** Tells the owner that a snapshot was refused. */
export function refusedWords(name: string, reason: string): string {
  return `I have not restored a snapshot of ${name}’s files, because it is not as I make them (${reason}). I take an earlier one if there is one.`;
}
