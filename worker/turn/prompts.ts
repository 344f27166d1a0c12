import { cut } from '../../shared/runtime/cut.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { TurnResult } from '../../shared/store/queues.ts';
import type { Reply } from '../../shared/store/reply.ts';
import type { Prompt } from '../agent/agent.ts';
import { createAsyncQueue } from '../agent/async-queue.ts';
import type { Dispatch } from './dispatch.ts';
import { givenUpNote } from './format-messages.ts';
import { withoutQueue } from './next-step.ts';
import { toPrompt } from './format-prompt.ts';
import type { PromptParts } from './format-prompt.ts';
import type { TurnContext } from './context.ts';

export type FeedParts = Omit<PromptParts, 'before' | 'workspace'> & { outbox: Outbox };

/**
 * What Claude is given in a turn, from the first messages to the last that come in while it works.
 */
export type PromptFeed = {
  /** They end when everything is answered and nothing more is there. */
  prompts: AsyncIterable<Prompt>;
  /**
   * Gives Claude the messages with which the turn begins. Returns false when there is nothing in
   * them for it.
   */
  begin(first: Message[]): Promise<boolean>;
  /** Something may have come in. */
  lookAgain(): void;
  /** These messages are answered, and the inbox still holds so many. */
  answered(ids: string[], left: number): void;
  /**
   * How many messages the inbox held after the last answer; undefined when more has come in since.
   */
  left(): number | undefined;
  /** What the person has said in messages that are not answered yet, in their own words. */
  wordsOf(ids: string[]): string[];
  /** The person's last message that Claude has got. */
  newest(): Message | undefined;
  /** Waits for what is under way. */
  settle(): Promise<void>;
};

export type FeedTurn = {
  context: TurnContext;
  /** What Claude is told when it takes an interrupted turn up. */ recall: string | undefined;
  dispatch: Dispatch;
  workspace: string;
  result: TurnResult;
  signal: AbortSignal;
  onTrouble: (error: unknown) => void;
};

/** An inbox of so many messages is looked through after each answer. */
const shortInbox = 50;

/**
 * One look at the inbox at a time, so that nothing is handed over twice or out of order.
 * `onTrouble` gets what ends the turn.
 */
export function createPromptFeed(
  parts: FeedParts,
  { context, recall, dispatch, workspace, result, signal, onTrouble }: FeedTurn,
): PromptFeed {
  const { conversation, turn, fence } = context;
  const prompts = createAsyncQueue<Prompt>();
  /**
   * What Claude has been given and has not answered: the person's own words, by the message's id.
   */
  const open = new Map<string, string>();
  let newest: Message | undefined;
  let left: number | undefined;
  let looking: Promise<void> = Promise.resolve();
  /** A look is planned and has not begun: it sees what has come in until then. */
  let isPlanned = false;
  /** How many messages the inbox held at the last look, less those that were answered since. */
  let expected = 0;

  /** Answers a message that cannot be read; Claude does not hear of it. */
  const sayInstead = async (id: string, text: string): Promise<void> => {
    await parts.outbox.put([{ id: `${id}.unread`, conversation, turn, text }], fence, {
      conversation,
      ids: [id],
      state: 'answered',
    });
    result.messages += 1;
    result.replies += 1;
  };
  const hand = async (messages: Message[]): Promise<void> => {
    for (const message of messages) {
      const read = await toPrompt(
        withoutQueue(message),
        { ...parts, workspace, before: quotation(dispatch.quoted(message)) },
        signal,
      );
      if ('sentence' in read) {
        await sayInstead(message.id, read.sentence);
        continue;
      }
      open.set(message.id, read.said);
      if (isFromPerson(message)) newest = message;
      const recalled = [recall, givenUpNote(dispatch.snapshot().givenUp)].filter(
        (words) => words !== undefined,
      );
      prompts.push({ ...read.prompt, recall: recalled.join('\n') || undefined });
    }
  };

  const finishIfDone = (): void => {
    if (open.size === 0) prompts.close();
  };
  const look = async (before: Promise<void>): Promise<void> => {
    left = undefined;
    await before;
    isPlanned = false;
    signal.throwIfAborted();
    const messages = await dispatch.look(true);
    expected = dispatch.waiting();
    await hand(messages);
    finishIfDone();
  };

  return {
    prompts,
    async begin(first) {
      await hand(first);
      return open.size > 0;
    },
    lookAgain() {
      left = undefined;
      if (isPlanned) return;
      isPlanned = true;
      looking = look(looking).catch(onTrouble);
    },
    answered(ids, inInbox) {
      for (const id of ids) open.delete(id);
      left = inInbox;
      expected -= ids.length;
      // An inbox that is empty need not be looked through, nor a long one with nothing new; what
      // comes in from here on is heard of.
      if (inInbox > 0 && (inInbox <= shortInbox || inInbox !== expected)) this.lookAgain();
      else looking = looking.then(finishIfDone);
    },
    left: () => left,
    wordsOf: (ids) => ids.map((id) => open.get(id) ?? ''),
    newest: () => newest,
    settle: () => looking,
  };
}

/** The most of a quoted reply that Claude is told (characters). */
const mostQuoted = 300;

/** What the person quotes is told to Claude, who does not see the chat. */
function quotation(reply: Reply | undefined): string | undefined {
  const quoted = cut(reply?.text ?? '', mostQuoted);
  return quoted === '' ? undefined : `[In reply to your message: “${quoted}”]`;
}
