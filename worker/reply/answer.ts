import type { Log } from '../../shared/runtime/log.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import { writeForChat } from './writing.ts';
import { mostMessages } from './written.ts';

/**
 * Writes an answer: the texts to send, in order, each within the limit; none for a blank answer.
 * `answer` identifies it: when the same answer is written again after a crash, the page is the one
 * that it has already.
 */
export type AnswerWriter = (answer: string, markdown: string) => Promise<string[]>;

/**
 * Where the pages are kept, and how the world reaches the relay that shows them. An answer whose
 * page cannot be kept is sent in as many messages as it takes.
 */
export function createAnswerWriter({
  pages,
  publicUrl,
  log,
}: {
  pages: PageStore;
  publicUrl: string;
  log: Log;
}): AnswerWriter {
  return async (answer, markdown) => {
    const { parts, opening, minutes, asItIs } = await writeForChat(markdown);
    if (asItIs)
      log.warn(
        { characters: markdown.length },
        'a long answer could not be read in time: it is sent as it was written',
      );
    if (parts.length <= mostMessages) return parts;
    const token = await pages.put(answer, markdown);
    if (token === undefined) {
      log.warn(
        { characters: markdown.length, messages: parts.length },
        'no room for a page: a long answer is sent in many messages',
      );
      return parts;
    }
    return [
      opening,
      `That is the beginning. Read it all here, about ${minutes} min:\n${publicUrl}/page/${token}`,
    ];
  };
}
