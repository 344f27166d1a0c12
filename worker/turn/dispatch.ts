import { createHash } from 'node:crypto';
import type { Conversation } from '../../shared/store/conversation.ts';
import { unreadableSentence } from '../../shared/store/boxes/dead-letters.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Snapshot, ReadSnapshot } from '../../shared/store/boxes/snapshot.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { AgentFailure } from '../agent/agent.ts';
import type { Attempts } from './attempts.ts';
import type { CommandAnswer, CommandParts } from '../commands/command.ts';
import { nextStep, wantsOwnTurn } from './next-step.ts';
import type { NextStep } from './next-step.ts';
import type { Questions } from '../questions/questions.ts';
import { chunk } from '../reply/chunk.ts';
import { isStop } from './stop.ts';
import type { TurnContext } from './context.ts';
import { giveUp } from './outcome.ts';

export type DispatchDeps = CommandParts & { ledger: Ledger; readSnapshot: ReadSnapshot };

/**
 * The most messages that one turn takes up; what is beyond waits for the next turn, so that no job
 * grows without an end.
 */
const mostPerTurn = 200;

/**
 * What a turn does with the messages that come in: commands are obeyed, answers reach their
 * question, the rest is for Claude.
 */
export type Dispatch = {
  /** What this turn has taken up. */
  taken(): ReadonlySet<string>;
  /** The reply of ours that a message quotes. */
  quoted(message: Message): Reply | undefined;
  /** The session that the turn goes on with: the last one, or the one that was quoted. */
  session(): string | undefined;
  /** Notes the session at work. */
  goOnWith(session: string): void;
  /** What is remembered of the conversation, as of the last look. */
  known(): Conversation;
  /** What the last look has found. */
  snapshot(): Snapshot;
  /** Whether a look has found this message, and how many the last one has found. */
  hasSeen(id: string): boolean;
  waiting(): number;
  /**
   * Looks through the inbox, does what is to be done with it now, and returns what Claude is to
   * get, oldest first. `busy`: Claude has got something already, and what it gets now is taken up;
   * else that is for the caller. Throws FencedError.
   */
  look(busy: boolean): Promise<Message[]>;
};

/**
 * `opening` is what the turn has read, and serves the first look; `questions` and `attempts` are
 * those of this turn.
 */
export function createDispatch(
  parts: DispatchDeps,
  context: TurnContext,
  questions: Questions,
  attempts: Attempts,
  snapshot: Snapshot,
): Dispatch {
  const { outbox, ledger } = parts;
  const { turn, conversation, fence } = context;
  const { take } = attempts;
  const quotes = new Map<string, Reply | undefined>();
  const told = new Set<string>();
  let [last, isRead] = [snapshot, false];
  let { session } = snapshot.conversation;
  let waiting = 0;

  const readInbox = async (): Promise<Message[]> => {
    if (isRead) last = await parts.readSnapshot(conversation, fence);
    isRead = true;
    const { messages, unreadable, parked } = last;
    waiting = messages.length;
    if (unreadable.length > 0) await setAside(outbox, context, unreadable);
    const fresh = messages.filter(({ id }) => !quotes.has(id));
    for (const { id, quoted } of fresh)
      quotes.set(id, quoted === undefined ? undefined : await ledger.findSent(quoted));
    // When the person has written, Twilio's 24-hour window is open again. What a schedule brings
    // does not open it.
    if (parked > 0 && fresh.some(isFromPerson) && (await ledger.unpark(conversation)) > 0)
      await outbox.deliver(conversation);
    return messages;
  };

  /** Says of what waits although Claude is at work that it does, once for each message. */
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

  return {
    taken: attempts.taken,
    quoted: (message) => quotes.get(message.id),
    session: () => session,
    goOnWith(next) {
      session = next;
    },
    known: () => last.conversation,
    snapshot: () => last,
    hasSeen: (id) => quotes.has(id),
    waiting: () => waiting,
    async look(busy) {
      const prompts: Message[] = [];
      let [messages, from] = [await readInbox(), 0];
      // What answered a question in an earlier run of this turn is settled with the next answer.
      const takenUp = (): Set<string> =>
        new Set([...attempts.taken(), ...questions.answerers(), ...prompts.map(({ id }) => id)]);
      let done = takenUp();
      for (;;) {
        const atWork = busy || prompts.length > 0;
        const full = attempts.taken().size + prompts.length >= mostPerTurn;
        const question = questions.open();
        const inTime = ({ at }: Message): boolean =>
          question !== undefined && Date.parse(at) <= question.deadline;
        const step = nextStep(
          messages,
          {
            taken: done,
            full,
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
          if (!atWork) session = quotes.get(step.message.id)?.session ?? session;
          prompts.push(step.message);
          done.add(step.message.id);
          from = messages.indexOf(step.message, from) + 1;
          continue;
        }
        from = 0;
        if (step === undefined || step.kind === 'barrier') {
          if (busy && !messages.some(isStop))
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
          // A command may have led to another session.
          if (!busy && step.kind === 'command') session = last.conversation.session;
        } else if (step.kind === 'answer') {
          await take([step.message]);
          await questions.answer(step.words, step.message);
        } else {
          await questions.remark();
          prompts.push(step.message);
        }
        done = takenUp();
      }
      for (const prompt of prompts) await questions.confirm(prompt);
      if (busy && prompts.length > 0) await take(prompts);
      return prompts;
    },
  };
}

async function obey(
  parts: DispatchDeps,
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
    // What Claude works on meanwhile has no part in it.
    log.error({ err: error }, 'a defect: a command failed');
    return await giveUp(parts, context, new AgentFailure('broken', 'a command failed'), [message]);
  }
  if (answer === undefined) return;
  const { text, choices } =
    typeof answer === 'string' ? { text: answer, choices: undefined } : answer;
  const texts = choices ? [text] : chunk(text);
  const replies = texts.map((part, index) => ({
    id: `${message.id}.command.${index + 1}`,
    conversation,
    turn,
    text: part,
    ...(choices ? { choices } : {}),
    urgent: true as const,
  }));
  await parts.outbox.put(replies, fence, { conversation, ids: [message.id], state: 'answered' });
}

/**
 * Entries that cannot be read leave the inbox in the step that says so: nothing behind them may
 * wait for them.
 */
async function setAside(
  outbox: Outbox,
  { conversation, turn, fence, log }: TurnContext,
  unreadable: Buffer[],
): Promise<void> {
  log.error(
    { conversation, entries: unreadable.length },
    'entries of the inbox cannot be read: they are on the dead list',
  );
  const id = `${turn}.unreadable.${createHash('sha256').update(Buffer.concat(unreadable)).digest('hex').slice(0, 12)}`;
  await outbox.put(
    [{ id, conversation, turn, text: unreadableSentence(unreadable.length) }],
    fence,
    { conversation, ids: [], state: 'failed', unreadable },
  );
}
