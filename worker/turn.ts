import type { Job } from 'bullmq';
import { keys } from '../shared/keys.ts';
import type { Message } from '../shared/message.ts';
import type { TurnData, TurnResult } from '../shared/queues.ts';
import { createHandOver } from './hand-over.ts';
import type { Place } from './places.ts';
import { createQuestions } from './questions.ts';
import type { QuestionParts } from './questions.ts';
import { StopRequest } from './stop-request.ts';
import type { TurnContext } from './turn-context.ts';
import { endBadly, settleStopped } from './turn-ending.ts';
import { waitInLine } from './waiting-line.ts';
import { emptyResult, workTurn } from './turn-work.ts';
import type { WorkParts } from './turn-work.ts';

export type TurnParts = WorkParts &
  QuestionParts & {
    /** Gives the conversation another turn, for what this one leaves. */
    addTurn: (conversation: string) => Promise<unknown>;
  };

/**
 * Works one turn of a conversation: inbox → agent → outbox. Every step is safe to repeat, and the fence (BullMQ's lock on the job) keeps
 * a worker that was taken for dead from doing any of them. A message leaves the inbox in the same step that puts its answer into the outbox.
 */
export function createTurnProcessor(parts: TurnParts): (job: Job<TurnData, TurnResult>, token: string, signal: AbortSignal) => Promise<TurnResult> {
  return async (job, token, signal) => {
    const turn = job.id ?? '';
    const { conversation } = job.data;
    const context: TurnContext = { job, token, turn, conversation, signal, fence: { lock: keys.jobLock('turns', turn), token }, startedAt: Date.now(), log: parts.log.child({ turn }) };
    const result = emptyResult();
    const arrival = { heard: (): void => undefined };
    const questions = await createQuestions(parts, context, () => arrival.heard());
    const handOver = createHandOver(parts, context, questions, (await parts.conversations.read(conversation)).session);
    let place: Place | undefined;
    let first: Message[] = [];
    try {
      place = await waitInLine(parts, context, handOver);
      if (place) first = await handOver.look(false);
      if (first.length > 0) {
        context.log.info({ conversation, messages: first.length, attempt: job.attemptsStarted }, 'turn');
        await workTurn(parts, { context, questions, handOver, first, result, onListening: (heard) => (arrival.heard = heard) });
      }
    } catch (error) {
      if (!(error instanceof StopRequest) || signal.aborted) return await endBadly(parts, context, error, first.length > 0);
      await settleStopped(parts, context, error.by);
    } finally {
      place?.leave();
    }
    // What waits for a turn of its own, such as something queued.
    if ((await parts.inbox.read(conversation)).length > 0) await parts.addTurn(conversation);
    result.durationMs = Date.now() - context.startedAt;
    if (first.length > 0) context.log.info(result, 'turn done');
    return result;
  };
}
