import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import type { Conversation } from '../../shared/store/conversation.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Reply } from '../../shared/store/reply.ts';
import type { OpenQuestion } from './question.ts';
import { isFor, mayName, offerOf, readTyped } from './typed-choice.ts';

/** The texts of a turn's messages that stand for a tap on choices of ours. */
export type TypedTaps = {
  /**
   * The waiting messages, oldest first; one whose text names a choice has it, and the button's words,
   * as a tap has. `quotes`
   * are the replies that messages quote, by the message's id. A text is read once: what is offered
   * later does not change what it meant.
   */
  read(
    messages: Message[],
    conversation: Pick<Conversation, 'offered' | 'offeredUntil'>,
    open: OpenQuestion | undefined,
    quotes: ReadonlyMap<string, Reply | undefined>,
  ): Promise<Message[]>;
  /** Whether a message's text stands for a tap. */
  has(id: string): boolean;
};

/** Choices may be named for `lifetimeMs`, and those of a quoted message at any time. */
export function createTypedTaps(ledger: Pick<Ledger, 'find'>, lifetimeMs: number): TypedTaps {
  const choices = new Map<string, Message['choice']>();
  return {
    async read(messages, { offered, offeredUntil }, open, quotes) {
      const read: Message[] = [];
      const askedAt = open ? (open.at ?? Infinity) : 0;
      for (const message of messages) {
        const { id, quoted, text } = message;
        if (!choices.has(id) && mayName(message)) {
          const reply =
            quoted === undefined
              ? offered === undefined
                ? undefined
                : await ledger.find(offered)
              : quotes.get(id);
          const offer = offerOf(reply, offeredUntil);
          const isMeant =
            offer !== undefined &&
            (quoted !== undefined || isFor(offer, message, read, lifetimeMs, askedAt));
          const item = isMeant ? readTyped(offer.choices, text) : undefined;
          choices.set(id, item && { id: item.id, title: item.title });
        }
        const choice = choices.get(id);
        read.push(choice ? { ...message, text: choice.title, choice } : message);
      }
      return read;
    },
    has: (id) => choices.get(id) !== undefined,
  };
}
