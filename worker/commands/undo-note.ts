import { cut } from '../../shared/runtime/cut.ts';
import type { WayBack } from '../checkpoints/checkpoints.ts';

/** How many files of one undo Claude is told, and of how many undos. */
const mostTold = 30;
const mostNotes = 5;

/**
 * Adds to what Claude is told with the person's next message, one line an undo: `way` says what the
 * person did, `undone` is what it is to be told already. The same undo is told once, the last ones count.
 */
export function noteForClaude(
  undone: string,
  way: 'undo' | 'redo',
  { changed, removed, restored }: WayBack,
): string {
  const names = [
    ...changed.map((name) => `${name} (as before)`),
    ...removed.map((name) => `${name} (removed)`),
    ...restored.map((name) => `${name} (back again)`),
  ];
  if (names.length === 0) return undone;
  const more = names.length > mostTold ? ` and ${names.length - mostTold} more` : '';
  const listed = names.slice(0, mostTold).map((name) => cut(name, 100));
  const words = `The person has ${way === 'undo' ? 'taken back with /undo' : 'brought back with /redo'}: ${listed.join(', ')}${more}.`;
  const lines = undone.split('\n').filter((line) => line !== '' && line !== words);
  return [...lines, words].slice(-mostNotes).join('\n');
}
