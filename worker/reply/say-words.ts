import type { Fence } from '../../shared/store/boxes/inbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Words } from '../agent/agent.ts';
import type { AnswerWriter } from './answer.ts';

/** The id of the first reply with these words. */
export const wordsReplyId = ({ id }: Words): string => `${id}.words.1`;

export type WordsParts = {
  outbox: Outbox;
  writeAnswer: AnswerWriter;
  turn: string;
  conversation: string;
  fence: Fence;
  /** The session that a reply quoting them goes on with. */
  session: () => string | undefined;
  /** Called for each message put. */
  onSent: () => void;
};

/**
 * Returns a function that sends what Claude has said before the answer, formatted like an answer;
 * words that were sent already are not sent again. It throws FencedError.
 */
export function createSayWords(parts: WordsParts): (words: Words) => Promise<void> {
  const { outbox, writeAnswer, turn, conversation, fence, session, onSent } = parts;
  return async (words) => {
    const texts = await writeAnswer(`${words.id}.words`, words.text);
    const replies = texts.map((text, index) => ({
      id: `${words.id}.words.${index + 1}`,
      conversation,
      turn,
      text,
      session: session() ?? '',
    }));
    await outbox.put(replies, fence);
    for (const _ of replies) onSent();
  };
}
