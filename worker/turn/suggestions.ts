import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { AgentEvent } from '../agent/agent.ts';
import { visibleText } from '../agent/visible-text.ts';
import type { TurnContext } from './context.ts';

export type SuggestionDeps = { inbox: Pick<Inbox, 'size'>; outbox: Pick<Outbox, 'put'> };

/**
 * Offers what Claude Code suggests as the person's next request, as a small message with one
 * button. It comes after the turn's last answer, usually when the turn has ended already.
 */
export type Suggestions = {
  /** Takes a suggestion, at any time. Never throws. */
  offer(suggestion: string): void;
  note(event: AgentEvent): void;
  /** The turn has ended well; without this nothing is offered. */
  end(): void;
};

/** The longest suggestion that is shown (characters); Claude Code's have at most twelve words. */
const longest = 300;

/** What precedes the suggestion in the message; the rest of the text is the suggestion. */
const prefix = 'Next: ';
const suffix = '.next';

/** The id of the button, which is the id of its message. */
const suggestionId = /^[\w-]{1,100}\.next$/;

/** `session` is the turn's; `first` are its first messages. */
export function createSuggestions(
  { inbox, outbox }: SuggestionDeps,
  { conversation, turn, log }: Pick<TurnContext, 'conversation' | 'turn' | 'log'>,
  { session, first }: { session: () => string | undefined; first: Message[] },
): Suggestions {
  let pending: string | undefined;
  let answer: string | undefined;
  let hasEnded = false;

  const put = async (text: string): Promise<void> => {
    // The person has already written what is next, or another turn is at work.
    if (answer === undefined || (await inbox.size(conversation)) > 0) return;
    const id = `${answer}${suffix}`;
    // Without a fence: the turn may be over, and a suggestion too many does no harm.
    await outbox.put([
      {
        id,
        conversation,
        turn,
        text: `${prefix}${text}`,
        choices: { kind: 'buttons', items: [{ id, title: 'Do that' }], told: true },
        session: session() ?? '',
        aside: true,
      },
    ]);
  };
  const putIfDue = (): void => {
    const text = pending;
    if (!hasEnded || text === undefined) return;
    pending = undefined;
    put(text).catch((error: unknown) =>
      log.warn({ err: error, conversation }, 'offering a suggestion failed'),
    );
  };

  return {
    offer(suggestion) {
      // What is shown is what a tap enters.
      const text = visibleText(suggestion);
      // Scheduled work may end while the person is away.
      if (text === '' || text.length > longest || !first.every(isFromPerson)) return;
      pending = text;
      putIfDue();
    },
    note(event) {
      if (event.kind !== 'answer') return;
      // What was suggested after an earlier answer is outdated.
      if (answer !== undefined) pending = undefined;
      answer = event.id;
    },
    end() {
      hasEnded = true;
      putIfDue();
    },
  };
}

/**
 * The message for Claude when it is a tap on a suggestion; otherwise the message itself. The tap is
 * recognised by its id, and the suggestion's words are put in only here, when the message has long
 * been taken for an ordinary request: they are never read as a command, an answer or a stop. The
 * line before them keeps Claude Code from reading a command in them.
 */
export async function withSuggestion(
  ledger: Pick<Ledger, 'find'>,
  message: Message,
): Promise<{ message: Message; isSuggestion: boolean }> {
  const id = message.choice?.id;
  const reply = id !== undefined && suggestionId.test(id) ? await ledger.find(id) : undefined;
  if (
    reply?.conversation !== message.conversation ||
    !reply.text.startsWith(prefix) ||
    reply.choices?.items[0]?.id !== id
  )
    return { message, isSuggestion: false };
  const text = `[The person tapped “Do that” under this suggestion of yours.]\n${reply.text.slice(prefix.length)}`;
  return { message: { ...message, text }, isSuggestion: true };
}
