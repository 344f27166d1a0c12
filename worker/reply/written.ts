import { head } from '../../shared/runtime/cut.ts';
import { cutPieces } from '../questions/shown-text.ts';
import { chunk, messageLimit } from './chunk.ts';
import { format } from './format.ts';

/** An answer of more messages than this is sent as its opening and the address of a page. */
export const mostMessages = 3;

/**
 * How many words a minute an adult reads silently (Brysbaert 2019,
 * doi.org/10.1016/j.jml.2019.104047).
 */
const wordsAMinute = 238;

/**
 * A text for the chat: its messages, and when these are more than three its opening as one message,
 * and how long it takes to read (minutes). `asItIs`: its Markdown was not read.
 */
export type Written = { parts: string[]; opening: string; minutes: number; asItIs?: boolean };

/** Writes Markdown for the chat. 100,000 characters take about a fifth of a second. */
export function writeText(markdown: string): Written {
  const text = format(markdown);
  const parts = chunk(text);
  return parts.length <= mostMessages
    ? { parts, opening: '', minutes: 0 }
    : { parts, opening: openingOf(text), minutes: minutesToRead(text) };
}

/** The same without reading the Markdown: for a text that cannot be read in time. */
export function writeAsItIs(markdown: string): Written {
  const parts = cutPieces(markdown, messageLimit).filter((part) => part.trim() !== '');
  return {
    parts,
    opening: `${head(markdown, messageLimit - ellipsis.length)}${ellipsis}`,
    minutes: Math.max(Math.round(markdown.length / 6 / wordsAMinute), 1),
    asItIs: true,
  };
}

const ellipsis = ' …';

/** The beginning of a text as one message, which says when it breaks off in the middle. */
function openingOf(text: string): string {
  const [opening = ''] = chunk(text, messageLimit - ellipsis.length);
  return /[\p{L}\p{N},;–—-]$/u.test(opening) ? opening + ellipsis : opening;
}

function minutesToRead(text: string): number {
  const count = [...new Intl.Segmenter('und', { granularity: 'word' }).segment(text)].filter(
    (segment) => segment.isWordLike,
  ).length;
  return Math.max(Math.round(count / wordsAMinute), 1);
}
