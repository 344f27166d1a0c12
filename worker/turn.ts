import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Job } from 'bullmq';
import type { Conversations } from '../shared/conversation.ts';
import type { FileStore } from '../shared/file-store.ts';
import type { Fence, Inbox } from '../shared/inbox.ts';
import { keys } from '../shared/keys.ts';
import type { Ledger } from '../shared/ledger.ts';
import type { Log } from '../shared/log.ts';
import { isFromPerson } from '../shared/message.ts';
import type { Message } from '../shared/message.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { Typing } from '../shared/typing.ts';
import type { TurnData, TurnResult } from '../shared/queues.ts';
import type { Schedules } from '../shared/schedules.ts';
import type { Agent, AgentEvent } from './agent/agent.ts';
import { createChannel } from './agent/channel.ts';
import type { Prompt } from './agent/agent.ts';
import type { Arrivals } from './arrivals.ts';
import { createChatTools } from './chat-tools.ts';
import { obeyCommands } from './commands.ts';
import type { MediaFetch } from './media-fetch.ts';
import { toPrompt } from './prompt.ts';
import { chunk } from './reply/chunk.ts';
import { format } from './reply/format.ts';
import { createScheduleTools } from './schedule-tools.ts';
import { StopRequest, watchForStop } from './stop-request.ts';
import { countAttempts, endBadly, giveUpExhausted, settleStopped } from './turn-ending.ts';
import type { Ending } from './turn-ending.ts';
import { createWatchdog } from './watchdog.ts';
import type { Silence } from './watchdog.ts';

export type TurnParts = {
  agent: Agent;
  inbox: Inbox;
  outbox: Outbox;
  ledger: Ledger;
  conversations: Conversations;
  schedules: Schedules;
  files: FileStore;
  dataDir: string;
  publicUrl: string;
  /** Returns when no other worker has a process for this conversation. */
  claim: (conversation: string) => Promise<void>;
  fetchMedia: MediaFetch;
  arrivals: Arrivals;
  typing: Typing;
  silence: Silence;
  log: Log;
};

/** What a turn has said so far. */
type Progress = { replies: number; usage: { inputTokens: number; outputTokens: number; costUsd: number }; answered: number };

/**
 * Works one turn of a conversation: inbox → agent → outbox. Every step is safe to repeat, and the fence (BullMQ's lock on the job) keeps
 * a worker that was taken for dead from doing any of them. A message leaves the inbox in the same step that puts its answer into the outbox.
 */
export function createTurnProcessor(parts: TurnParts): (job: Job<TurnData, TurnResult>, token: string, signal: AbortSignal) => Promise<TurnResult> {
  const { inbox } = parts;

  return async (job, token, signal) => {
    const { conversation } = job.data;
    const turn = job.id ?? '';
    const fence: Fence = { lock: keys.jobLock('turns', turn), token };
    const startedAt = Date.now();
    const log = parts.log.child({ turn });
    const messages = await readMessages(parts, fence, turn, conversation);
    const progress: Progress = { replies: 0, usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 }, answered: 0 };
    const result = (): TurnResult => ({ messages: progress.answered, replies: progress.replies, durationMs: Date.now() - startedAt, ...progress.usage });
    if (messages.length === 0) return result();

    await inbox.take(fence, messages.map((message) => message.id), turn);
    await job.updateData({ conversation, messages: countAttempts(job.data.messages, messages) });
    log.info({ conversation, messages: messages.length, attempt: job.attemptsStarted }, 'turn');
    const ending: Ending = { job, token, turn, fence, signal, log };
    const stop = watchForStop(inbox, parts.arrivals, conversation, log);
    const lastSaid = messages.findLast(isFromPerson);
    const stopTyping = lastSaid ? parts.typing.keep(conversation, lastSaid.id, () => !signal.aborted) : () => undefined;
    try {
      const fresh = await giveUpExhausted(parts, ending, messages);
      if (fresh.length > 0) await workMessages(parts, { job, messages: fresh, fence, turn, signal: AbortSignal.any([signal, stop.signal]), progress, log });
      log.info(result(), 'turn done');
      return result();
    } catch (error) {
      if (error instanceof StopRequest && !signal.aborted) {
        await settleStopped(parts, ending, error.by);
        return result();
      }
      return await endBadly(parts, ending, error);
    } finally {
      stop.end();
      stopTyping();
    }
  };
}

/** Reads what there is for Claude to answer; commands are obeyed on the way. */
async function readMessages(parts: TurnParts, fence: Fence, turn: string, conversation: string): Promise<Message[]> {
  const messages = await parts.inbox.read(conversation);
  // When the person has written, Twilio's 24-hour window is open again. What a schedule brings does not open it.
  if (messages.some(isFromPerson) && (await parts.ledger.unpark(conversation)) > 0) await parts.outbox.deliver(conversation);
  return await obeyCommands(parts, messages, turn, fence);
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
  for (const message of messages) prompts.push(await toPrompt(message, workspace, parts.fetchMedia, watchdog.signal));
  prompts.close();
  let said = false;
  const chatTools = createChatTools({
    outbox: parts.outbox, files: parts.files, publicUrl: parts.publicUrl, turn, conversation, workspace, fence,
    onSent: () => {
      said = true;
      progress.replies += 1;
    },
  });
  const tools = { ...chatTools, ...createScheduleTools({ schedules: parts.schedules, conversations: parts.conversations, conversation, fence, now: Date.now }) };

  const onEvent = async (event: AgentEvent): Promise<void> => {
    watchdog.note(event);
    switch (event.kind) {
      case 'session':
        return await parts.conversations.write(conversation, fence, { session: event.id });
      case 'tool':
        log.debug({ tool: event.name }, 'tool');
        await job.updateProgress(`${event.name} ${event.summary}`.trimEnd());
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
        const texts = chunk(format(event.text) || (said ? '' : 'Done.'));
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
