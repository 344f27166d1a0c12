import { cut } from '../../shared/runtime/cut.ts';
import type { WayBack } from '../checkpoints/checkpoints.ts';

/** The most files of an undo that Claude hears of, and the most undos. */
const mostTold = 30;
const mostNotes = 5;

/**
 * Adds an undo to the note that Claude gets with the person's next message, one line each: `way`
 * says what the person did, and `undone` is the note so far. The same undo stands in it once; the
 * newest ones stay.
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
