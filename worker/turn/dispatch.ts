import { createHash } from 'node:crypto';
import type { Choices } from '../../shared/store/choices.ts';
import type { Conversation } from '../../shared/store/conversation.ts';
import { unreadableSentence } from '../../shared/store/boxes/dead-letters.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Snapshot } from '../../shared/store/boxes/snapshot.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { NewReply, Reply } from '../../shared/store/reply.ts';
import { AgentFailure } from '../agent/agent-failure.ts';
import type { Attempts } from './attempts.ts';
import type { CommandAnswer, CommandDeps } from '../commands/command.ts';
import { beginsAnew, nextStep, wantsOwnTurn } from './next-step.ts';
import type { NextStep } from './next-step.ts';
import { answersByFile } from '../questions/question.ts';
import type { Questions } from '../questions/questions.ts';
import { createTypedTaps } from '../questions/typed-taps.ts';
import { chunk } from '../reply/chunk.ts';
import { isRenewed } from './ending/renewal.ts';
import { isStop, StopRequest } from './stop.ts';
import { readStop } from './stop-words.ts';
import type { TurnContext } from './context.ts';
import { giveUp } from './ending/outcome.ts';

/**
 * Limit on messages per turn; the rest waits for the next turn, so that no job grows without bound.
 */
const mostPerTurn = 200;

/**
 * Dispatches a turn's new messages: commands are run, answers go to their question, the rest goes
 * to Claude.
 */
export type Dispatch = {
  /** The messages that this turn has taken up. */
  taken(): ReadonlySet<string>;
  /** Our reply that a message quotes. */
  quoted(message: Message): Reply | undefined;
  /** The session that the turn resumes: the last one, or that of the quoted reply. */
  session(): string | undefined;
  /** Whether the turn's first message is about work in the background. */
  isAboutWork(): boolean;
  /** Sets the current session. */
  goOnWith(session: string): void;
  /** These messages have their answer in the outbox. */
  noteAnswered(ids: readonly string[]): void;
  /** The messages of this turn that have their answer in the outbox. */
  answered(): string[];
  /** The conversation's stored state at the last look. */
  known(): Conversation;
  /** The snapshot of the last look. */
  snapshot(): Snapshot;
  /** Whether a look has found this message, and how many messages the last one has found. */
  hasSeen(id: string): boolean;
  waiting(): number;
  /**
   * Reads the inbox, handles what can be handled now, and returns the messages for Claude, oldest
   * first. `busy`: Claude already has messages of this turn, and the returned ones are taken up
   * here; otherwise the caller takes them up. `isClosed`: Claude takes no more messages in this
   * turn. Throws FencedError.
   */
  look(busy: boolean, isClosed?: boolean): Promise<Message[]>;
};

/**
 * `snapshot` is what the turn has read, and serves the first look; `questions` and `attempts` are
 * those of this turn.
 */
export function createDispatch(
  parts: CommandDeps,
  context: TurnContext,
  questions: Questions,
  attempts: Attempts,
  snapshot: Snapshot,
): Dispatch {
  const { outbox, ledger, snapshots, conversations } = parts.stores;
  const { turn, conversation, fence } = context;
  const { take } = attempts;
  const quotes = new Map<string, Reply | undefined>();
  const typedTaps = createTypedTaps(ledger, parts.settings.times.answerMs);
  const told = new Set<string>();
  const answered = new Set<string>();
  let [last, isRead] = [snapshot, false];
  let { session } = snapshot.conversation;
  /** The turn is about work in the background, and not about what the person wrote. */
  let isAboutWork = false;
  let waiting = 0;

  /** Looked up when the turn began: a message older than the store that comes in later is not. */
  const checked = new Set(last.messages.map(({ id }) => id));
  const isUnchecked = ({ id, at }: Message): boolean =>
    last.since !== '' && at < last.since && !checked.has(id);

  const readInbox = async (): Promise<Message[]> => {
    if (isRead) last = await snapshots.read(conversation, fence);
    isRead = true;
    const { messages, unreadable, parked } = last;
    waiting = messages.length;
    if (unreadable.length > 0) await setAside(outbox, context, unreadable);
    const fresh = messages.filter(({ id }) => !quotes.has(id));
    for (const { id, quoted } of fresh)
      quotes.set(id, quoted === undefined ? undefined : await ledger.findSent(quoted));
    const known = await typedTaps.read(messages, last.conversation, questions.open(), quotes);
    // A message from the person reopens Twilio's 24-hour window. A scheduled one does not.
    if (parked > 0 && fresh.some(isFromPerson) && (await ledger.unpark(conversation)) > 0)
      await outbox.deliver(conversation);
    return known;
  };

  /** Tells the person once per message that it waits while Claude is at work. */
  const sayLater = async (messages: Message[]): Promise<void> => {
    for (const { id } of messages.filter(
      (message) => isFromPerson(message) && !told.has(message.id),
    )) {
      told.add(id);
      await outbox.put(
        [
          {
            id: `${id}.later`,
            conversation,
            turn,
            text: 'I do that as soon as this is done. Text “stop” to end this now.',
          },
        ],
        fence,
      );
    }
  };

  /** The session that a message continues, or undefined when it begins a fresh one. */
  const sessionFor = async (message: Message): Promise<string | undefined> => {
    if (message.work) return message.work.session;
    // A later attempt, also one after a restart of the worker, resumes what the first one began.
    if (!beginsAnew(message) || last.conversation.anew === message.id) {
      const quoted = quotes.get(message.id)?.session;
      // The session that the message quotes may be the refused one.
      return isRenewed(last.conversation, message) ? session : (quoted ?? session);
    }
    const change = { session: '', follows: '', anew: message.id };
    await conversations.write(conversation, fence, change);
    return undefined;
  };

  /**
   * Asks once about a text that may be a stop; the work continues, and Claude gets the text as
   * well.
   */
  const askWhetherToStop = async ({ id }: Message): Promise<void> => {
    const items = [
      { id: '/stop', title: 'Stop' },
      { id: '/go-on', title: 'Go on' },
    ];
    const text = 'Shall I stop what I am doing?';
    const choices: Choices = { kind: 'buttons', items };
    await outbox.put(
      [{ id: `${id}.stop`, conversation, turn, text, choices, urgent: true }],
      fence,
    );
  };

  return {
    taken: attempts.taken,
    quoted: (message) => quotes.get(message.id),
    session: () => session,
    isAboutWork: () => isAboutWork,
    goOnWith(next) {
      session = next;
    },
    noteAnswered(ids) {
      for (const id of ids) answered.add(id);
    },
    answered: () => [...answered],
    known: () => last.conversation,
    snapshot: () => last,
    hasSeen: (id) => quotes.has(id),
    waiting: () => waiting,
    async look(busy, isClosed = false) {
      const prompts: Message[] = [];
      let unclear: Message | undefined;
      let [messages, from] = [await readInbox(), 0];
      // Answers to questions of an earlier run of this turn are settled with the next answer.
      const takenUp = (): Set<string> =>
        new Set([...attempts.taken(), ...questions.answerers(), ...prompts.map(({ id }) => id)]);
      let done = takenUp();
      for (;;) {
        const atWork = busy || prompts.length > 0;
        // Work in the background of an earlier conversation has its turn for itself.
        const isApart = atWork && session !== last.conversation.session && isAboutWork;
        const full = isClosed || isApart || attempts.taken().size + prompts.length >= mostPerTurn;
        const question = questions.open();
        const inTime = ({ at }: Message): boolean =>
          question !== undefined && Date.parse(at) <= question.deadline;
        const step = nextStep(
          messages,
          {
            taken: done,
            turn,
            full,
            isUnchecked,
            busy: atWork,
            question,
            inTime,
            session,
            quoted: ({ id }) => quotes.get(id),
            tapSentence: questions.tapSentence,
          },
          from,
        );
        if (step?.kind === 'prompt' && !(busy && questions.open())) {
          if (!atWork) {
            session = await sessionFor(step.message);
            isAboutWork = step.message.work !== undefined;
          }
          if (busy && isFromPerson(step.message) && readStop(step.message.text) === 'maybe')
            await askWhetherToStop(step.message);
          prompts.push(step.message);
          done.add(step.message.id);
          from = messages.indexOf(step.message, from) + 1;
          continue;
        }
        from = 0;
        if (step === undefined || step.kind === 'barrier') {
          const stop =
            busy && messages.find((message) => isStop(message, question !== undefined, turn));
          // The watch for a stop sees texts: one that names the button for it is found here.
          if (stop && typedTaps.has(stop.id)) {
            const error = new StopRequest(stop, question !== undefined);
            context.mailbox.post({ kind: 'failed', error });
          }
          if (busy && !stop)
            await sayLater(
              messages.filter(
                (message) =>
                  !done.has(message.id) &&
                  (step ? message === step.message : wantsOwnTurn(message)),
              ),
            );
          break;
        }
        if (step.kind === 'command' || step.kind === 'settled') {
          await (step.kind === 'command'
            ? obey(parts, context, step, busy)
            : questions.sayOfTap(step.message, step.sentence));
          messages = await readInbox();
          // A command may have changed the session.
          if (!busy && step.kind === 'command') session = last.conversation.session;
        } else if (step.kind === 'answer') {
          await take([step.message]);
          await questions.answer(step.words, step.message);
        } else {
          const quoted = quotes.get(step.message.id)?.id;
          const isFile = question && answersByFile(question, step.message, quoted);
          if (!isFile && isFromPerson(step.message)) unclear = step.message;
          prompts.push(step.message);
        }
        done = takenUp();
      }
      // One remark for all that came at once, unless the answer was among it.
      if (unclear) await questions.remark(unclear);
      for (const prompt of prompts) await questions.confirm(prompt);
      if (busy && prompts.length > 0) await take(prompts);
      return prompts;
    },
  };
}

async function obey(
  parts: CommandDeps,
  context: TurnContext,
  { message, found }: Extract<NextStep, { kind: 'command' }>,
  busy: boolean,
): Promise<void> {
  const { turn, conversation, fence, signal, log } = context;
  let answer: CommandAnswer | undefined;
  try {
    answer = await found.command.run(parts, { message, argument: found.argument, context, busy });
  } catch (error) {
    if (error instanceof FencedError || signal.aborted) throw error;
    // Claude's current work is not affected.
    log.error({ err: error }, 'a defect: a command failed');
    return await giveUp(parts.stores, context, new AgentFailure('broken', 'a command failed'), [
      message,
    ]);
  }
  if (answer === undefined) return;
  const { text, choices, file, next }: Exclude<CommandAnswer, string> =
    typeof answer === 'string' ? { text: answer } : answer;
  const texts = choices || file ? [text] : chunk(text);
  const replies: NewReply[] = texts.map((part, index) => ({
    id: `${message.id}.command.${index + 1}`,
    conversation,
    turn,
    text: part,
    ...(choices ? { choices } : {}),
    ...(file ? { file } : {}),
    urgent: true,
  }));
  if (next) replies.push({ ...next, conversation, turn });
  const settlement = { conversation, ids: [message.id], state: 'answered' as const };
  await parts.stores.outbox.put(replies, fence, settlement);
}

/**
 * Moves unreadable entries out of the inbox and says so in one step, so that they do not block the
 * messages behind them.
 */
async function setAside(
  outbox: Outbox,
  { conversation, turn, fence, log }: TurnContext,
  unreadable: Buffer[],
): Promise<void> {
  log.error(
    { conversation, entries: unreadable.length },
    'unreadable inbox entries moved to the dead list',
  );
  const id = `${turn}.unreadable.${createHash('sha256').update(Buffer.concat(unreadable)).digest('hex').slice(0, 12)}`;
  await outbox.put(
    [{ id, conversation, turn, text: unreadableSentence(unreadable.length) }],
    fence,
    { conversation, ids: [], state: 'failed', unreadable },
  );
}
