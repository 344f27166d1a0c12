import { findCut } from './cut.ts';
import { fenceAfter } from './fence.ts';

/**
 * The longest text of one WhatsApp message at Twilio (twilio.com/docs/api/errors/21617). Twilio
 * does not define a character; counting UTF-16 units never undercounts.
 */
export const messageLimit = 1600;

/**
 * Splits a text with WhatsApp's marks into parts of at most `limit` UTF-16 units: between
 * paragraphs where that leaves a part at least half full, else between lines, sentences or words. A
 * link, a marked span, a word or an emoji is split only when it is longer than a whole part. A
 * split code fence is closed at the end of the part and reopened in the next; a quote continues as
 * a quote. No part is blank; only blanks are lost.
 */
export function chunk(text: string, limit: number = messageLimit): string[] {
  const parts: string[] = [];
  let rest = text.trim();
  let opening = '';
  while (opening.length + rest.length > limit) {
    const fence = opening.startsWith('```') ? opening.trim() : undefined;
    const cut = findCut(rest, limit - opening.length - closing.length, fence);
    const head = rest.slice(0, cut);
    if (head.trim() === '') {
      // An indentation wider than a part.
      rest = rest.trimStart();
      continue;
    }
    const open = fenceAfter(head, fence);
    parts.push(opening + head.trimEnd() + (open === undefined ? '' : closing));
    const next =
      open === undefined
        ? { opening: quoteAt(opening + head), rest: rest.slice(cut) }
        : reopen(open, rest.slice(cut));
    opening = next.opening;
    rest =
      isLineStart(head) || open !== undefined
        ? next.rest.replace(/^\s*\n/, '')
        : next.rest.trimStart();
  }
  if (rest !== '') parts.push((opening + rest).trimEnd());
  return parts;
}

const closing = '\n```';

/** The longest first line of a fence that is repeated, such as “```typescript”. */
const longestOpening = 24;

function reopen(open: string, rest: string): { opening: string; rest: string } {
  // Only the fence's end is left, and it has been closed already.
  const end = /^\s*```[^\S\n]*(?=\n|$)/.exec(rest);
  if (end) return { opening: '', rest: rest.slice(end[0].length) };
  return {
    opening: rest.trim() === '' ? '' : `${open.length > longestOpening ? '```' : open}\n`,
    rest,
  };
}

/** The quote marks to continue with when a text ends within a quoted line. */
function quoteAt(head: string): string {
  if (isLineStart(head)) return '';
  const marks = /^(?:> ?)+/.exec(head.slice(head.lastIndexOf('\n') + 1))?.[0] ?? '';
  return marks.length > longestOpening ? '> ' : marks;
}

function isLineStart(head: string): boolean {
  return head.endsWith('\n');
}
