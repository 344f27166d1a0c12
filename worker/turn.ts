import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import { reportError } from '../shared/errors.ts';
import type { Conversations } from '../shared/conversation.ts';
import type { FileStore } from '../shared/file-store.ts';
import { FencedError } from '../shared/inbox.ts';
import type { Fence, Inbox } from '../shared/inbox.ts';
import { keys } from '../shared/keys.ts';
import type { Ledger } from '../shared/ledger.ts';
import type { Log } from '../shared/log.ts';
import type { Message } from '../shared/message.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { TurnData, TurnResult } from '../shared/queues.ts';
import { AgentFailure } from './agent/agent.ts';
import type { Agent, AgentEvent } from './agent/agent.ts';
import { createChannel } from './agent/channel.ts';
import type { Prompt } from './agent/agent.ts';
import { createChatTools } from './chat-tools.ts';
import { failureSentence } from './failure-sentence.ts';
import { delayJob, handBack } from './job-moves.ts';
import { toPrompt } from './prompt.ts';
import { chunk } from './reply/chunk.ts';
import { createWatchdog } from './watchdog.ts';
import type { Silence } from './watchdog.ts';

export type TurnParts = {
  agent: Agent;
  inbox: Inbox;
  outbox: Outbox;
  ledger: Ledger;
  conversations: Conversations;
  files: FileStore;
  dataDir: string;
  publicUrl: string;
  /** Returns when no other worker has a process for this conversation. */
  claim: (conversation: string) => Promise<void>;
  /** Keeps "typing…" showing for a message while `isAlive` says so; returns how to end it. */
  showTyping: (messageId: string, isAlive: () => boolean) => () => void;
  silence: Silence;
  log: Log;
};

/** After so many crashes and failures together a turn is given up. */
const mostFailures = 3;

/** What a turn has said so far. */
type Progress = { replies: number; usage: { inputTokens: number; outputTokens: number; costUsd: number }; answered: number };

/**
 * Works one turn of a conversation: inbox → agent → outbox. Every step is safe to repeat, and the fence (BullMQ's lock on the job) keeps
 * a worker that was taken for dead from doing any of them. A message leaves the inbox in the same step that puts its answer into the outbox.
 */
export function createTurnProcessor(parts: TurnParts): (job: Job<TurnData, TurnResult>, token: string, signal: AbortSignal) => Promise<TurnResult> {
  const { inbox, outbox, ledger } = parts;

  return async (job, token, signal) => {
    const { conversation } = job.data;
    const turn = job.id ?? '';
    const fence: Fence = { lock: keys.jobLock('turns', turn), token };
    const startedAt = Date.now();
    const log = parts.log.child({ turn });
    // The person has written, so Twilio's 24-hour window is open again.
    if ((await ledger.unpark(conversation)) > 0) await outbox.deliver(conversation);
    const messages = await readMessages(parts, fence, turn, conversation);
    const progress: Progress = { replies: 0, usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 }, answered: 0 };
    const result = (): TurnResult => ({ messages: progress.answered, replies: progress.replies, durationMs: Date.now() - startedAt, ...progress.usage });
    if (messages.length === 0) return result();

    await inbox.take(fence, messages.map((message) => message.id), turn);
    await job.updateData({ ...job.data, messages: messages.map(({ id, at, text, media }) => ({ id, at, text, media: media.length })) });
    log.info({ conversation, messages: messages.length, attempt: job.attemptsStarted }, 'turn');
    const stopTyping = parts.showTyping(messages.at(-1)?.id ?? '', () => !signal.aborted);
    try {
      if (failuresOf(job) >= mostFailures) throw new AgentFailure('died', 'too many failures');
      await workMessages(parts, { job, messages, fence, turn, signal, progress, log });
      log.info(result(), 'turn done');
      return result();
    } catch (error) {
      return await endBadly(parts, { job, token, turn, fence, signal, log }, error);
    } finally {
      stopTyping();
    }
  };
}

/** Reads what there is to answer. A message that only says "retry" brings the last turn that was given up back instead of being answered. */
async function readMessages({ inbox, outbox }: Pick<TurnParts, 'inbox' | 'outbox'>, fence: Fence, turn: string, conversation: string): Promise<Message[]> {
  const messages = await inbox.read(conversation);
  const [first] = messages;
  if (!first || !/^\/?retry$/i.test(first.text.trim())) return messages;
  if ((await inbox.bringBack(fence, conversation, first.id)) === 0) {
    await outbox.put([{ id: `${first.id}.nothing`, conversation, turn, text: 'There is nothing to try again.' }], fence, { conversation, ids: [first.id], state: 'answered' });
  }
  return await readMessages({ inbox, outbox }, fence, turn, conversation);
}

function failuresOf(job: Job<TurnData, TurnResult>): number {
  return job.data.failures + job.stalledCounter;
}

type Work = { job: Job<TurnData, TurnResult>; messages: Message[]; fence: Fence; turn: string; signal: AbortSignal; progress: Progress; log: Log };

async function workMessages(parts: TurnParts, { job, messages, fence, turn, signal, progress, log }: Work): Promise<void> {
  const { conversation } = job.data;
  const workspace = path.join(parts.dataDir, 'workspaces', conversation.replace('+', ''));
  await mkdir(workspace, { recursive: true });
  await parts.claim(conversation);
  const { session } = await parts.conversations.read(conversation);
  const watchdog = createWatchdog(parts.silence, signal);
  const prompts = createChannel<Prompt>();
  for (const message of messages) prompts.push(toPrompt(message));
  prompts.close();
  let said = false;
  const tools = createChatTools({
    outbox: parts.outbox, files: parts.files, publicUrl: parts.publicUrl, turn, conversation, workspace, fence,
    onSent: () => {
      said = true;
      progress.replies += 1;
    },
  });

  const onEvent = async (event: AgentEvent): Promise<void> => {
    watchdog.note(event);
    switch (event.kind) {
      case 'session':
        return await parts.conversations.write(conversation, fence, { session: event.id });
      case 'tool':
        log.debug({ tool: event.name }, 'tool');
        await job.log(`${new Date().toISOString()} ${event.name} ${event.summary}`.trimEnd());
        return;
      case 'tool-end':
        if (event.failed) await job.log(`${new Date().toISOString()} … failed`);
        return;
      case 'retrying':
        await job.log(`${new Date().toISOString()} the model's service is in trouble: ${event.reason}`);
        return;
      case 'answer': {
        // A turn that has sent something needs no closing word; one that has not must not end in silence.
        const texts = chunk(event.text || (said ? '' : 'Done.'));
        const replies = texts.map((text, index) => ({ id: `${event.id}.${index + 1}`, conversation, turn, text }));
        await parts.outbox.put(replies, fence, { conversation, ids: event.prompts, state: 'answered' });
        progress.replies += replies.length;
        progress.answered += event.prompts.length;
        progress.usage.inputTokens += event.usage.inputTokens;
        progress.usage.outputTokens += event.usage.outputTokens;
        progress.usage.costUsd += event.usage.costUsd;
        return;
      }
      default:
    }
  };
  try {
    for await (const event of parts.agent.work({ conversation, workspace, session, prompts, tools, signal: watchdog.signal })) await onEvent(event);
  } finally {
    watchdog.stop();
  }
}

type Ending = { job: Job<TurnData, TurnResult>; token: string; turn: string; fence: Fence; signal: AbortSignal; log: Log };

/** Decides what becomes of a turn that did not end well: handed back, tried again, or given up with a sentence. Always throws. */
async function endBadly(parts: TurnParts, ending: Ending, error: unknown): Promise<never> {
  const { job, token, signal, log } = ending;
  if (error instanceof FencedError) throw error;
  if (signal.aborted) {
    log.info({ reason: String(signal.reason) }, 'turn interrupted');
    return await handBack(job, token);
  }
  const failure = error instanceof AgentFailure ? error : new AgentFailure('broken', reportError(error).message);
  log.warn({ kind: failure.kind, reason: failure.message, failures: failuresOf(job) }, 'turn failed');
  await job.log(`${new Date().toISOString()} failed: ${failure.kind}: ${failure.message}`);
  if (!(error instanceof AgentFailure)) log.error({ err: error }, 'a defect');
  if (failure.kind === 'usage-limit' && failure.resetsAt) return await waitForReset(parts, ending, failure.resetsAt);
  const worthAnother = failure.kind === 'died' || failure.kind === 'broken';
  if (worthAnother && failuresOf(job) + 1 < mostFailures) {
    await job.updateData({ ...job.data, failures: job.data.failures + 1 });
    return await delayJob(job, token, 1000 * 2 ** job.data.failures);
  }
  await giveUp(parts, ending, failure);
  throw new UnrecoverableError(`${failure.kind}: ${failure.message}`);
}

/** Says until when the model's usage limit holds and puts the turn off until then. Waiting is no attempt. */
async function waitForReset(parts: TurnParts, { job, token, turn, fence }: Ending, resetsAt: Date): Promise<never> {
  const { conversation } = job.data;
  await parts.outbox.put([{ id: `${turn}.limit.${resetsAt.getTime()}`, conversation, turn, text: failureSentence('usage-limit', resetsAt) }], fence);
  return await delayJob(job, token, Math.max(resetsAt.getTime() - Date.now(), 1000));
}

/** Says in one sentence that there will be no answer; the messages can be brought back by `retry`. */
async function giveUp(parts: TurnParts, { job, turn, fence }: Ending, failure: AgentFailure): Promise<void> {
  const { conversation, messages: taken } = job.data;
  const ids = new Set(taken.map((message) => message.id));
  const failed = (await parts.inbox.read(conversation)).filter((message) => ids.has(message.id));
  if (failed.length === 0) return;
  await parts.conversations.write(conversation, fence, { failed: failed.map((message) => JSON.stringify(message)) });
  const text = failureSentence(failure.kind, failure.resetsAt);
  await parts.outbox.put([{ id: `${turn}.failed`, conversation, turn, text }], fence, { conversation, ids: failed.map((message) => message.id), state: 'failed' });
}

