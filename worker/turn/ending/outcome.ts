import { UnrecoverableError } from 'bullmq';
import { aboutHeading } from '../../../shared/delivery/about-heading.ts';
import { cut } from '../../../shared/runtime/cut.ts';
import { reportError } from '../../../shared/runtime/errors.ts';
import { FencedError } from '../../../shared/store/boxes/inbox.ts';
import { LostAnswerError } from '../../../shared/store/boxes/outbox.ts';
import type { Message } from '../../../shared/store/message.ts';
import { AgentFailure } from '../../agent/agent-failure.ts';
import type { MessageState } from '../../agent/message-state.ts';
import { taskLine } from '../../background/describe.ts';
import { asksToRetry } from '../../commands/turn-commands.ts';
import { mostAttempts } from '../attempts.ts';
import type { Attempts } from '../attempts.ts';
import { LookUpFailure } from '../answered-before.ts';
import { describeFailure, looksWords } from './failure-sentence.ts';
import { delayJob, handBack } from '../../process/job-moves.ts';
import { quoteMessages, withdrawnWords } from '../format-messages.ts';
import type { TurnContext } from '../context.ts';
import type { TurnDeps, TurnSettings, TurnStores } from '../deps.ts';
import { renewSession } from './renewal.ts';
import type { FailedSession } from './renewal.ts';
import { planWait } from './retry-plan.ts';
import type { StopRequest } from '../stop.ts';
import { closingTime, closingWindowWords, mayOutlast } from '../window.ts';

/**
 * The pauses of a turn while Twilio's list cannot be read (ms), doubled each time. A new message of
 * the person ends a pause.
 */
const firstLookUpPauseMs = 2000;
const longestLookUpPauseMs = 600_000;

/** The worker's parts that end a turn. */
export type EndingDeps = Pick<TurnDeps, 'stores' | 'settings'>;

/**
 * The progress of a turn: the attempts at its messages; `answerers` are messages that have answered
 * its questions; `session` is the one at work, if work has started.
 */
export type TurnStand = {
  attempts: Attempts;
  answerers: string[];
  session?: FailedSession | undefined;
  /** What the session's transcript says of messages, by id. */
  lookUp: (messages: Message[]) => Promise<ReadonlyMap<string, MessageState>>;
};

/**
 * Whether a message has crashed its worker too often to be started again. A message that has its
 * answer in the transcript has another attempt: only that answer is delivered.
 */
export function isExhausted(
  { id }: Message,
  attempts: Pick<Attempts, 'before'>,
  inTranscript?: MessageState,
): boolean {
  return attempts.before(id) >= mostAttempts + (inTranscript === 'answered' ? 1 : 0);
}

/**
 * Gives up the messages that crashed their worker too often (`isOver`), before they are processed
 * again, and returns the remaining ones. Throws FencedError.
 */
export async function giveUpExhausted(
  parts: EndingDeps,
  context: TurnContext,
  messages: Message[],
  { attempts, answerers }: TurnStand,
  isOver: (message: Message) => boolean = (message) => isExhausted(message, attempts),
): Promise<Message[]> {
  const exhausted = messages.filter(isOver);
  if (exhausted.length === 0) return messages;
  const answered = new Set(answerers);
  const failed = exhausted.filter(({ id }) => !answered.has(id));
  // Answers to questions go with the work that asked them; other work in progress may still need
  // them.
  const isAllOver = messages.every(
    (message) => isOver(message) || answered.has(message.id) || attempts.before(message.id) === 0,
  );
  await attempts.take(failed);
  await giveUp(
    parts.stores,
    context,
    new AgentFailure('died', 'it ended the worker each time'),
    failed,
    isAllOver ? answerers : [],
  );
  const gone = new Set([...failed.map(({ id }) => id), ...(isAllOver ? answerers : [])]);
  return messages.filter(({ id }) => !gone.has(id));
}

/**
 * Decides whether a failed turn is retried, delayed, or given up with a sentence; an interrupted
 * one goes back to the queue, and a refused history gets a new session. Always throws.
 */
export async function endBadly(
  { stores, settings }: EndingDeps,
  context: TurnContext,
  error: unknown,
  { attempts, answerers, session, lookUp }: TurnStand,
): Promise<never> {
  const { job, token, turn, fence, signal, log } = context;
  if (error instanceof FencedError) throw error;
  if (signal.reason instanceof FencedError) throw signal.reason;
  if (signal.aborted || error instanceof LostAnswerError) {
    log.info({ reason: String(signal.aborted ? signal.reason : error) }, 'turn interrupted');
    await attempts.giveBack();
    return await handBack(job, token);
  }
  const { waits = 0 } = job.data;
  if (error instanceof LookUpFailure) {
    const pauseMs = Math.min(firstLookUpPauseMs * 2 ** waits, longestLookUpPauseMs);
    log.warn({ err: error.cause, pauseMs }, 'Twilio’s list cannot be read: delayed the turn');
    await attempts.giveBack(waits + 1);
    return await delayJob(job, token, pauseMs);
  }
  const failure =
    error instanceof AgentFailure ? error : new AgentFailure('broken', reportError(error).message);
  const { kind, message: reason, status, requestId } = failure;
  log.warn({ kind, reason, status, requestId }, 'turn failed');
  if (!(error instanceof AgentFailure)) log.error({ err: error }, 'a defect');
  const { conversation } = job.data;
  await stores.inbox.note(fence, turn, conversation, {
    log: `${new Date().toISOString()} failed: ${kind}: ${reason}${requestId ? ` (${requestId})` : ''}`,
  });
  const { timezone, wroteAt } = await stores.conversations.read(conversation);
  const wait = planWait(failure, waits, Date.now(), timezone);
  if (wait) {
    // Sent once per waiting message, not again at each attempt.
    const newest = [...attempts.started().keys()].at(-1) ?? '';
    await stores.outbox.put(
      [
        {
          id: `${turn}.limit.${newest}`,
          conversation,
          turn,
          text: `${wait.sentence}${windowWordsOf(settings, wait.ms, wroteAt, timezone)}`,
        },
      ],
      fence,
    );
    await attempts.giveBack(waits + 1);
    return await delayJob(job, token, wait.ms);
  }
  const started = attempts.started();
  const worthAnother = failure.kind === 'died' || failure.kind === 'broken';
  // An answer to a question is meaningless without the work that asked it: it is removed when that
  // work is given up.
  const left = (await stores.inbox.read(conversation)).filter(
    ({ id }) => started.has(id) && !answerers.includes(id),
  );
  if (session && (await renewSession(stores, context, failure, session, left))) {
    await attempts.giveBack();
    return await handBack(job, token);
  }
  const count = { before: (id: string) => started.get(id) ?? 0 };
  const known = await lookUp(left.filter((message) => worthAnother && isExhausted(message, count)));
  const isOver = (message: Message): boolean =>
    !worthAnother || isExhausted(message, count, known.get(message.id));
  const isAllOver = left.every(isOver);
  await giveUp(stores, context, failure, left.filter(isOver), isAllOver ? answerers : []);
  if (isAllOver) throw new UnrecoverableError(`${failure.kind}: ${failure.message}`);
  return await delayJob(
    job,
    token,
    1000 * 2 ** (Math.max(...left.map(({ id }) => started.get(id) ?? 1)) - 1),
  );
}

/**
 * A sentence about WhatsApp's window if it closes before work delayed by `ms` can be done; else ''.
 */
function windowWordsOf(
  { hasTemplate }: Pick<TurnSettings, 'hasTemplate'>,
  ms: number,
  wroteAt: string | undefined,
  timezone: string | undefined,
): string {
  const closesAt = closingTime(wroteAt);
  return mayOutlast(closesAt, Date.now() + ms)
    ? ` ${closingWindowWords(closesAt, timezone, hasTemplate)}`
    : '';
}

/**
 * Announces that the failed messages get no answer, which `retry` can bring back: in one sentence,
 * and in one for each request whose work in the background cannot be reported;
 * `settled` ones leave the inbox for good. The owner gets the address of what needs a look, too. All
 * in one step. Sends nothing if no message failed.
 * Throws FencedError.
 */
export async function giveUp(
  { conversations, outbox, watch }: Pick<TurnStores, 'conversations' | 'outbox' | 'watch'>,
  { job, turn, fence }: TurnContext,
  failure: AgentFailure,
  failed: Message[],
  settled: string[] = [],
): Promise<void> {
  // A wish to retry stays out: the next one is about the message that this one was about.
  // A sentence about work in the background is said now.
  const kept = failed
    .filter((message) => !asksToRetry(message) && message.work?.say === undefined)
    .map(({ id }) => id);
  const ids = [...failed.map(({ id }) => id), ...settled];
  if (ids.length === 0) return;
  const { conversation } = job.data;
  const { timezone } = await conversations.read(conversation);
  const looks = await watch.looks(conversation);
  const sentence = `${describeFailure(failure, timezone)}${looks === undefined ? '' : `\n${looksWords(looks)}`}`;
  const sentences = [...Map.groupBy(failed, (message) => failedText(message, sentence))].map(
    ([text, [first]]) => ({
      id: `${turn}.failed.${first?.id}.${job.attemptsStarted}`,
      conversation,
      turn,
      text,
    }),
  );
  const reason = `${failure.kind}: ${failure.message}`;
  await outbox.put(sentences, fence, { conversation, ids, kept, state: 'failed', reason });
}

/**
 * What the person reads of a failed message: the sentence of the failure, under the requests of
 * the work in the background whose end cannot be reported. A sentence about such work needs no
 * Claude and is said itself.
 */
function failedText({ work }: Message, sentence: string): string {
  if (work?.say !== undefined) return work.say;
  const requests = [work?.about ?? [], work?.tasks?.flatMap(({ request }) => request ?? []) ?? []];
  return [aboutHeading([...new Set(requests.flat())]), sentence].filter(Boolean).join('\n\n');
}

/**
 * Ends a turn stopped by the person: its messages and the stop are settled in the step that
 * confirms it and names the current step, or the open question, and the dropped messages.
 */
export async function settleStopped(
  { stores: { inbox, outbox, background } }: Pick<TurnDeps, 'stores'>,
  { job, turn, fence, log }: TurnContext,
  { by, isAsked }: Pick<StopRequest, 'by' | 'isAsked'>,
  { attempts, answerers }: TurnStand,
): Promise<void> {
  const { conversation } = job.data;
  const taken = new Set([...attempts.taken(), ...answerers]);
  const waiting = await inbox.read(conversation);
  const before = waiting.slice(
    0,
    waiting.findIndex(({ id }) => id === by.id),
  );
  const ids = [...before, by, ...waiting.filter(({ id }) => taken.has(id))].map(({ id }) => id);
  const step = typeof job.progress === 'string' ? job.progress : '';
  const doing = isAsked
    ? ' I was waiting for your answer, and have not gone on.'
    : step === ''
      ? ''
      : ` The last step: ${cut(step, 200)}.`;
  const dropped = before.filter((message) => !taken.has(message.id));
  const also = dropped.length > 0 ? ` Left out: ${quoteMessages(dropped)}.` : '';
  const withdrawn = withdrawnWords(await outbox.withdraw(fence, conversation, turn));
  const tasks = await background.list(conversation);
  const lines = tasks.map((task, index) => `\n${taskLine(task, index + 1, Date.now())}`);
  const goesOn =
    lines.length > 0
      ? `\nThis goes on in the background:${lines.join('')}\nText “stop 1” to end number 1.`
      : '';
  await outbox.put(
    [
      {
        id: `${by.id}.stopped`,
        conversation,
        turn,
        text: `Stopped.${doing}${also}${withdrawn}${goesOn}`,
        urgent: true,
      },
    ],
    fence,
    { conversation, ids: [...new Set(ids)], state: 'answered' },
  );
  log.info({ conversation }, 'turn stopped by the person');
}
