import { cut } from '../../shared/runtime/cut.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { TurnResult } from '../../shared/store/queues.ts';
import type { Reply } from '../../shared/store/reply.ts';
import type { Prompt } from '../agent/agent.ts';
import type { Questions } from '../questions/questions.ts';
import { createAsyncQueue } from '../agent/async-queue.ts';
import type { Dispatch } from './dispatch.ts';
import { givenUpNote, withoutPrefix } from './format-messages.ts';
import { toPrompt } from './format-prompt.ts';
import type { TurnContext } from './context.ts';
import type { TurnDeps } from './deps.ts';
import { withSuggestion } from './suggestions.ts';

/** Claude's messages in a turn, from the first to the last that come in while it works. */
export type Steering = {
  /** Ends when everything is answered and no more messages wait. */
  prompts: AsyncIterable<Prompt>;
  /** Passes Claude the turn's first messages. Returns false when they contain nothing for it. */
  begin(first: Message[]): Promise<boolean>;
  /** There may be new messages. */
  lookAgain(): void;
  /** These messages are answered; `left` is the number left in the inbox. */
  answered(ids: string[], left: number): void;
  /**
   * The number of messages in the inbox after the last answer; undefined when more have come in
   * since.
   */
  left(): number | undefined;
  /** The person's own words in messages that are not answered yet. */
  wordsOf(ids: string[]): string[];
  /** Whether one of these messages, not answered yet, is a voice message. */
  isSpoken(ids: string[]): boolean;
  /** The person's latest message that Claude has received. */
  newest(): Message | undefined;
  /** Waits for the look under way. */
  settle(): Promise<void>;
};

export type FeedTurn = {
  context: TurnContext;
  questions: Pick<Questions, 'recall' | 'answerByFile'>;
  dispatch: Dispatch;
  workspace: string;
  result: TurnResult;
  signal: AbortSignal;
  onTrouble: (error: unknown) => void;
};

/** An inbox of at most this many messages is read again after each answer. */
const shortInbox = 50;

/**
 * Reads the inbox one look at a time, so that nothing is passed on twice or out of order.
 * `onTrouble` receives the error that ends the turn.
 */
export function createSteering(
  { stores: { outbox, ledger }, media }: Pick<TurnDeps, 'stores' | 'media'>,
  { context, questions, dispatch, workspace, result, signal, onTrouble }: FeedTurn,
): Steering {
  const { conversation, turn, fence } = context;
  const prompts = createAsyncQueue<Prompt>();
  /**
   * Messages that Claude has received and not answered: the person's own words, by the message's
   * id.
   */
  const open = new Map<string, string>();
  const spoken = new Set<string>();
  let newest: Message | undefined;
  let left: number | undefined;
  let looking: Promise<void> = Promise.resolve();
  /** A look is scheduled and has not started: it will see everything that comes in until then. */
  let isPlanned = false;
  /** The number of messages in the inbox at the last look, minus those answered since. */
  let expected = 0;

  /** Answers an unreadable message without passing it to Claude. */
  const sayInstead = async (id: string, text: string): Promise<void> => {
    await outbox.put([{ id: `${id}.unread`, conversation, turn, text }], fence, {
      conversation,
      ids: [id],
      state: 'answered',
    });
    result.messages += 1;
    result.replies += 1;
  };
  const hand = async (messages: Message[]): Promise<void> => {
    for (const message of messages) {
      const tapped = await withSuggestion(ledger, withoutPrefix(message));
      const quoted = tapped.isSuggestion ? undefined : dispatch.quoted(message);
      const read = await toPrompt(
        tapped.message,
        { ...media, workspace, before: quotation(quoted) },
        signal,
      );
      if ('sentence' in read) {
        await sayInstead(message.id, read.sentence);
        continue;
      }
      const isAll = read.isSpoken ?? false;
      const answers = (): Promise<boolean> =>
        questions.answerByFile(message, quoted?.id, read.said, isAll);
      if (isAll && (await answers())) continue;
      open.set(message.id, read.said);
      if (isAll) spoken.add(message.id);
      if (isFromPerson(message)) newest = message;
      const recalled = [questions.recall, givenUpNote(dispatch.snapshot().givenUp)].filter(
        (words) => words !== undefined,
      );
      prompts.push({ ...read.prompt, about: read.said, recall: recalled.join('\n') || undefined });
      // Claude gets the file as soon as the question that it answers is out of the way.
      if (!isAll) await answers();
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
      // Skips the look for an empty inbox, and for a long one with nothing new; later messages are
      // announced.
      if (inInbox > 0 && (inInbox <= shortInbox || inInbox !== expected)) this.lookAgain();
      else looking = looking.then(finishIfDone);
    },
    left: () => left,
    isSpoken: (ids) => ids.some((id) => spoken.has(id)),
    wordsOf: (ids) => ids.map((id) => open.get(id) ?? ''),
    newest: () => newest,
    settle: () => looking,
  };
}

/** Length limit for a quoted reply passed to Claude (characters). */
const mostQuoted = 300;

/** Includes the quoted reply, because Claude does not see the chat. */
function quotation(reply: Reply | undefined): string | undefined {
  const quoted = cut(reply?.text ?? '', mostQuoted);
  return quoted === '' ? undefined : `[In reply to your message: “${quoted}”]`;
}
