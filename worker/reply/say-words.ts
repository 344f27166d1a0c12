import type { Words } from '../agent/agent.ts';
import type { SentMessages } from '../tools/sent-messages.ts';
import type { TurnContext } from '../turn/context.ts';
import type { TurnDeps } from '../turn/deps.ts';

/** The id of the first reply with these words. */
export const wordsReplyId = ({ id }: Words): string => `${id}.words.1`;

/**
 * A reply that quotes the words continues `session`. Returns a function that sends what Claude
 * has said before the answer, formatted like an answer; words that were sent already are not sent
 * again. It throws FencedError.
 */
export function createSayWords(
  { stores: { outbox }, chat: { writeAnswer } }: Pick<TurnDeps, 'stores' | 'chat'>,
  { turn, conversation, fence }: TurnContext,
  { session }: { session(): string | undefined },
  sent: SentMessages,
): (words: Words) => Promise<void> {
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
    for (const _ of replies) sent.note();
  };
}
