import { head } from '../../shared/runtime/cut.ts';
import { cutPieces } from '../questions/shown-text.ts';
import { chunk, messageLimit } from './chunk.ts';
import { format } from './format.ts';

/** An answer of more messages than this is sent as its opening and a link to a page. */
export const mostMessages = 3;

/**
 * Words per minute that an adult reads silently (Brysbaert 2019,
 * doi.org/10.1016/j.jml.2019.104047).
 */
const wordsAMinute = 238;

/**
 * A text for the chat: its messages, and, when there are more than three, its opening as one
 * message and its reading time (minutes). `asItIs`: its Markdown was not parsed.
 */
export type Written = { parts: string[]; opening: string; minutes: number; asItIs?: boolean };

/** Formats Markdown for the chat. 100,000 characters take about a fifth of a second. */
export function writeText(markdown: string): Written {
  const text = format(markdown);
  const parts = chunk(text);
  return parts.length <= mostMessages
    ? { parts, opening: '', minutes: 0 }
    : { parts, opening: openingOf(text), minutes: minutesToRead(text) };
}

/** Splits a text without parsing its Markdown, for texts that cannot be parsed in time. */
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

/** The start of a text as one message, with an ellipsis if it breaks off mid-sentence. */
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
