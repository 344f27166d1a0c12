import type { Log } from '../../shared/runtime/log.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import { writeForChat } from './writing.ts';
import { mostMessages } from './written.ts';

/**
 * Formats an answer: the texts to send, in order, each within the limit; empty for a blank answer.
 * `answer` identifies it: when the same answer is formatted again after a crash, its existing page
 * is reused. `asked` are the words that it answers, for the page.
 */
export type AnswerWriter = (answer: string, markdown: string, asked?: string) => Promise<string[]>;

/**
 * Decides whether an answer is sent as messages, or as its beginning and the link to a page because
 * it takes more than `mostMessages`. `publicUrl` is the address of the relay that shows the pages.
 * An answer whose page cannot be stored is sent in as many messages as needed. A page lives for
 * `days`.
 */
export function createAnswerWriter({
  pages,
  publicUrl,
  days,
  log,
}: {
  pages: PageStore;
  publicUrl: string;
  days: number;
  log: Log;
}): AnswerWriter {
  return async (answer, markdown, asked = '') => {
    const { parts, opening, minutes, asItIs } = await writeForChat(markdown);
    if (asItIs)
      log.warn(
        { characters: markdown.length },
        'formatting a long answer timed out: sent unformatted',
      );
    if (parts.length <= mostMessages) return parts;
    const token = await pages.put(answer, markdown, 'answer', asked);
    if (token === undefined) {
      log.warn(
        { characters: markdown.length, messages: parts.length },
        'no room for a page: sending a long answer in many messages',
      );
      return parts;
    }
    return [
      opening,
      `That is the beginning. Read it all here, about ${minutes} min (the link works for ${days === 1 ? 'a day' : `${days} days`}):\n${publicUrl}/page/${token}`,
    ];
  };
}
