import { cut } from '../../shared/runtime/cut.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { TurnResult } from '../../shared/store/queues.ts';
import type { Reply } from '../../shared/store/reply.ts';
import type { Prompt } from '../agent/agent.ts';
import type { Home } from '../agent/homes/home.ts';
import type { TurnSteps } from '../checkpoints/turn-steps.ts';
import type { TurnRecord } from '../progress/turn-record.ts';
import type { Questions } from '../questions/questions.ts';
import { createAsyncQueue } from '../agent/async-queue.ts';
import type { TurnContext } from './context.ts';
import { needsLook, nextMove } from './decisions.ts';
import type { TurnDeps } from './deps.ts';
import type { Dispatch } from './dispatch.ts';
import { givenUpNote, withoutPrefix } from './format-messages.ts';
import { toPrompt } from './format-prompt.ts';
import type { TurnEvent } from './mailbox.ts';
import { withSuggestion } from './suggestions.ts';

/**
 * A turn with work for Claude: `home` is the person's, `first` are its first messages, and
 * `result` is filled while it works; `steps` note what it changes, `record` is for its live page.
 */
export type TurnWork = {
  context: TurnContext;
  home: Home;
  questions: Questions;
  dispatch: Dispatch;
  first: Message[];
  result: TurnResult;
  steps: TurnSteps;
  record: TurnRecord;
};

/**
 * Claude's messages in a turn, from the first to the last that come in while it works. Everything
 * but `prompts`, `begin` and `untilRead` is called by the handler of an event, one after the other.
 */
export type Steering = {
  /** Ends when everything is answered and no more messages wait. */
  prompts: AsyncIterable<Prompt>;
  /**
   * Passes Claude the turn's first messages. Returns false when they contain nothing for it. Until
   * then no look is made. It waits for events to be handled, so no handler may wait for it.
   */
  begin(first: Message[]): Promise<boolean>;
  /**
   * There may be new messages: looks at the inbox, now or when what was taken up is read. `onRead` is
   * called when all that it finds is read.
   */
  look(onRead?: () => void): Promise<void>;
  /** A message is read: passes it to Claude. */
  pass(read: Extract<TurnEvent, { kind: 'read' }>): Promise<void>;
  /** All messages that were taken up are passed on. */
  onAllRead(): Promise<void>;
  /** These messages are answered; `left` is the number left in the inbox. */
  noteAnswer(ids: string[], left: number): void;
  /** Makes the next move: a look that is due, or the end of Claude's input. */
  move(): Promise<void>;
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
  /** Waits until nothing is read any more. */
  untilRead(): Promise<void>;
};

/**
 * Reads the inbox one look at a time. Files are fetched and transcribed beside the handling of
 * events, which goes on meanwhile: a message that is read comes back as an event.
 */
export function createSteering(
  { stores: { outbox, ledger }, media }: Pick<TurnDeps, 'stores' | 'media'>,
  { context, home, questions, dispatch, result }: TurnWork,
  { workspace, signal }: { workspace: string; signal: AbortSignal },
): Steering {
  const { conversation, turn, fence, mailbox, slot } = context;
  const prompts = createAsyncQueue<Prompt>();
  /**
   * Messages that Claude has received and not answered: the person's own words, by the message's
   * id.
   */
  const open = new Map<string, string>();
  const spoken = new Set<string>();
  let newest: Message | undefined;
  let left: number | undefined;
  // The first messages are the first that are read.
  let [isReading, isLookDue, isClosed] = [true, false, false];
  let reading: Promise<void> = Promise.resolve();
  /** The number of messages in the inbox at the last look, minus those answered since. */
  let expected = 0;
  let isUndoneTold = false;
  const untilAllRead: (() => void)[] = [];

  /** What Claude does not know of its files yet; '' when it knows. */
  const undoneNote = (): string => {
    const { undone } = dispatch.known();
    if (isUndoneTold || undone === undefined) return '';
    return `[${undone.replaceAll('\n', ' ')} Read a file again before you edit it, and leave this as it is unless the person asks for it.]`;
  };

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
  /** Reads messages, oldest first. Each is passed on before the next one is read. */
  const read = async (messages: Message[]): Promise<void> => {
    for (const message of messages) {
      const tapped = await withSuggestion(ledger, withoutPrefix(message));
      const quoted = tapped.isSuggestion ? undefined : dispatch.quoted(message);
      const before = [undoneNote(), quotation(quoted) ?? ''].filter(Boolean).join('\n');
      const found = await toPrompt(tapped.message, { ...media, home, workspace, before }, signal);
      // Claude hears of it with the first message that it gets.
      if (!message.work && 'prompt' in found) isUndoneTold = true;
      await mailbox.deliver({ kind: 'read', message, quoted: quoted?.id, found });
    }
  };
  const lookNow = async (): Promise<void> => {
    isLookDue = false;
    signal.throwIfAborted();
    // Claude takes no more messages when its input is closed, and begins with no others while
    // another person waits for the slot: they wait for the next turn.
    const messages = await dispatch.look(true, isClosed || (open.size === 0 && slot.isWanted()));
    expected = dispatch.waiting();
    if (messages.length === 0) return await move();
    isReading = true;
    reading = read(messages).then(
      () => mailbox.post({ kind: 'all-read' }),
      (error: unknown) => mailbox.post({ kind: 'failed', error }),
    );
  };
  const move = async (): Promise<void> => {
    const next = nextMove({ open: open.size, isReading, isLookDue });
    if (next === 'look') return await lookNow();
    if (!isReading) for (const onRead of untilAllRead.splice(0)) onRead();
    if (next === 'wait') return;
    isClosed = true;
    prompts.close();
  };

  return {
    prompts,
    async begin(first) {
      await read(first);
      if (open.size === 0) return false;
      isReading = false;
      // Messages that came with the first ones and need a separate turn get a notice.
      if (isLookDue || dispatch.waiting() > first.length) mailbox.post({ kind: 'look' });
      return true;
    },
    async look(onRead) {
      if (onRead) untilAllRead.push(onRead);
      left = undefined;
      isLookDue = true;
      await move();
    },
    async pass({ message, quoted, found }) {
      if ('sentence' in found) return await sayInstead(message.id, found.sentence);
      const isAll = found.isSpoken ?? false;
      const answers = (): Promise<boolean> =>
        questions.answerByFile(message, quoted, found.said, isAll);
      if (isAll && (await answers())) return;
      open.set(message.id, found.said);
      if (isAll) spoken.add(message.id);
      if (isFromPerson(message)) newest = message;
      const recalled = [questions.recall, givenUpNote(dispatch.snapshot().givenUp)].filter(
        (words) => words !== undefined,
      );
      prompts.push({
        ...found.prompt,
        about: found.said,
        recall: recalled.join('\n') || undefined,
      });
      // Claude gets the file as soon as the question that it answers is out of the way.
      if (!isAll) await answers();
    },
    async onAllRead() {
      isReading = false;
      await move();
    },
    noteAnswer(ids, inInbox) {
      for (const id of ids) open.delete(id);
      left = inInbox;
      expected -= ids.length;
      // Behind what is waiting in the mailbox: a message there still belongs to this turn.
      mailbox.post({ kind: needsLook(inInbox, expected) ? 'look' : 'answered' });
    },
    move,
    left: () => (isLookDue ? undefined : left),
    isSpoken: (ids) => ids.some((id) => spoken.has(id)),
    wordsOf: (ids) => ids.map((id) => open.get(id) ?? ''),
    newest: () => newest,
    untilRead: () => reading,
  };
}

/** Length limit for a quoted reply passed to Claude (characters). */
const mostQuoted = 300;

/** Includes the quoted reply, because Claude does not see the chat. */
function quotation(reply: Reply | undefined): string | undefined {
  const quoted = cut(reply?.text ?? '', mostQuoted);
  return quoted === '' ? undefined : `[In reply to your message: “${quoted}”]`;
}
