import type { Log } from '../../shared/log.ts';
import type { PageStore } from '../../shared/page-store.ts';
import { chunk, messageLimit } from './chunk.ts';
import { format } from './format.ts';

/** An answer of more messages than this is sent as its opening and the address of a page. */
const mostMessages = 3;

/** How many words a minute an adult reads silently (Brysbaert 2019, doi.org/10.1016/j.jml.2019.104047). */
const wordsAMinute = 238;

/**
 * Writes an answer: the texts to send, in order, each within the limit; none for a blank answer. `answer` identifies it: when the same answer is written again after a crash, the page is the one
 * that it has already.
 */
export type AnswerWriter = (answer: string, markdown: string) => Promise<string[]>;

/** Where the pages are kept, and how the world reaches the relay that shows them. An answer whose page cannot be kept is sent in as many messages as it takes. */
export function createAnswerWriter({ pages, publicUrl, log }: { pages: PageStore; publicUrl: string; log: Log }): AnswerWriter {
  return async (answer, markdown) => {
    const text = format(markdown);
    const parts = chunk(text);
    if (parts.length <= mostMessages) return parts;
    const token = await pages.put(answer, markdown);
    if (token === undefined) {
      log.warn({ characters: markdown.length, messages: parts.length }, 'no room for a page: a long answer is sent in many messages');
      return parts;
    }
    return [openingOf(text), `That is the beginning. Read it all here, about ${minutesToRead(text)} min:\n${publicUrl}/page/${token}`];
  };
}

/** The beginning of a text as one message, which says when it breaks off in the middle. */
function openingOf(text: string): string {
  const ellipsis = ' …';
  const [opening = ''] = chunk(text, messageLimit - ellipsis.length);
  return /[\p{L}\p{N},;–—-]$/u.test(opening) ? opening + ellipsis : opening;
}

const words = new Intl.Segmenter('und', { granularity: 'word' });

function minutesToRead(text: string): number {
  const count = [...words.segment(text)].filter((segment) => segment.isWordLike).length;
  return Math.max(Math.round(count / wordsAMinute), 1);
}
