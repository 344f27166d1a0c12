import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import type { Conversations } from '../shared/conversation.ts';
import { reportError } from '../shared/errors.ts';
import { FencedError } from '../shared/inbox.ts';
import type { Inbox } from '../shared/inbox.ts';
import type { Message } from '../shared/message.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { TurnData, TurnResult } from '../shared/queues.ts';
import { AgentFailure } from './agent/agent.ts';
import { failureSentence } from './failure-sentence.ts';
import { delayJob, handBack } from './job-moves.ts';
import { quoteMessage, withdrawnWords } from './message-words.ts';
import type { TurnContext } from './turn-context.ts';
import { planWait } from './wait-plan.ts';

/** After so many attempts that crashed or failed a message is given up. */
const mostAttempts = 3;

/** What ends a turn needs of the worker. */
export type EndingParts = { inbox: Inbox; outbox: Outbox; conversations: Conversations };

/** Gives up what has crashed its worker too often, and returns the messages that are still to be worked. */
export async function giveUpExhausted(parts: EndingParts, context: TurnContext, messages: Message[]): Promise<Message[]> {
  const exhausted = new Set(context.job.data.messages.filter((message) => message.attempts > mostAttempts).map((message) => message.id));
  const failed = messages.filter((message) => exhausted.has(message.id));
  if (failed.length === 0) return messages;
  await giveUp(parts, context, new AgentFailure('died', 'it ended the worker each time'), failed, []);
  return messages.filter((message) => !exhausted.has(message.id));
}

/** How far a turn had come: `hasBegun` when it has taken up its messages; `answerers` are messages that have answered its questions. */
export type TurnStand = { hasBegun: boolean; answerers: string[] };

/** Decides what becomes of a turn that did not end well: handed back, put off, tried again, or given up with a sentence. Always throws. */
export async function endBadly(parts: EndingParts, context: TurnContext, error: unknown, { hasBegun, answerers }: TurnStand): Promise<never> {
  const { job, token, turn, fence, signal, log } = context;
  if (error instanceof FencedError) throw error;
  if (signal.aborted) {
    log.info({ reason: String(signal.reason) }, 'turn interrupted');
    if (hasBegun) await forgetAttempt(job);
    return await handBack(job, token);
  }
  const failure = error instanceof AgentFailure ? error : new AgentFailure('broken', reportError(error).message);
  log.warn({ kind: failure.kind, reason: failure.message }, 'turn failed');
  if (!(error instanceof AgentFailure)) log.error({ err: error }, 'a defect');
  await job.log(`${new Date().toISOString()} failed: ${failure.kind}: ${failure.message}`);
  const { conversation } = job.data;
  const { timezone } = await parts.conversations.read(conversation);
  const { waits = 0 } = job.data;
  const wait = planWait(failure, waits, Date.now(), timezone);
  if (wait) {
    // Said once for each message that waits, not again at each attempt.
    await parts.outbox.put([{ id: `${turn}.limit.${job.data.messages.at(-1)?.id ?? ''}`, conversation, turn, text: wait.sentence }], fence);
    await job.updateData({ ...job.data, waits: waits + 1 });
    await forgetAttempt(job);
    return await delayJob(job, token, wait.ms);
  }
  const attempts = new Map(job.data.messages.map((message) => [message.id, message.attempts]));
  const worthAnother = failure.kind === 'died' || failure.kind === 'broken';
  // What answered a question says nothing without the work that asked it: it goes when that work is given up.
  const left = (await parts.inbox.read(conversation)).filter(({ id }) => attempts.has(id) && !answerers.includes(id));
  const isOver = (message: Message): boolean => !worthAnother || (attempts.get(message.id) ?? 0) >= mostAttempts;
  const isAllOver = left.every(isOver);
  await giveUp(parts, context, failure, left.filter(isOver), isAllOver ? answerers : []);
  if (isAllOver) throw new UnrecoverableError(`${failure.kind}: ${failure.message}`);
  return await delayJob(job, token, 1000 * 2 ** (Math.max(...attempts.values()) - 1));
}

/** An attempt that was ended from outside is none. */
async function forgetAttempt(job: Job<TurnData, TurnResult>): Promise<void> {
  await job.updateData({ ...job.data, messages: job.data.messages.map((message) => ({ ...message, attempts: message.attempts - 1 })) });
}

/** Says in one sentence that there will be no answer; the messages can be brought back by `retry`. `settled` leave the inbox with them, for good. */
async function giveUp({ conversations, outbox }: EndingParts, { job, turn, fence }: TurnContext, failure: AgentFailure, failed: Message[], settled: string[]): Promise<void> {
  const [first] = failed;
  if (!first) return;
  const { conversation } = job.data;
  await conversations.write(conversation, fence, { failed: failed.map((message) => JSON.stringify(message)) });
  const { timezone } = await conversations.read(conversation);
  const text = failureSentence(failure.kind, failure.resetsAt, timezone);
  await outbox.put([{ id: `${turn}.failed.${first.id}.${job.attemptsStarted}`, conversation, turn, text }], fence, { conversation, ids: [...failed.map((message) => message.id), ...settled], state: 'failed' });
}

/** Ends a turn that the person has stopped: its messages and the stop are settled in the step that says so, and what was under way or waited is named. `answerers` as in TurnStand. */
export async function settleStopped({ inbox, outbox }: EndingParts, { job, turn, fence, log }: TurnContext, by: Message, answerers: string[]): Promise<void> {
  const { conversation } = job.data;
  const taken = new Set([...job.data.messages.map((message) => message.id), ...answerers]);
  const waiting = await inbox.read(conversation);
  const before = waiting.slice(0, waiting.findIndex(({ id }) => id === by.id));
  const ids = [...before, by, ...waiting.filter(({ id }) => taken.has(id))].map(({ id }) => id);
  const doing = typeof job.progress === 'string' && job.progress !== '' ? ` I was at this: ${job.progress.slice(0, 200)}.` : '';
  const dropped = before.filter((message) => !taken.has(message.id)).map(quoteMessage);
  const also = dropped.length > 0 ? ` I leave this, too: ${dropped.join(', ')}.` : '';
  const withdrawn = withdrawnWords(await outbox.withdraw(fence, conversation, turn));
  await outbox.put([{ id: `${by.id}.stopped`, conversation, turn, text: `Stopped.${doing}${also}${withdrawn}`, urgent: true }], fence, { conversation, ids: [...new Set(ids)], state: 'answered' });
  log.info({ conversation }, 'turn stopped by the person');
}
