import { DelayedError } from 'bullmq';
import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Message } from '../../shared/store/message.ts';
import { AwaitingAnswer } from './answer-wait.ts';
import type { Attempts } from '../turn/attempts.ts';
import type { Dispatch } from '../turn/dispatch.ts';
import type { Questions } from './questions.ts';
import type { TurnContext } from '../turn/context.ts';

/** What this needs of the worker. */
export type AwaitingParts = { inbox: Inbox; promoteTurn: (conversation: string) => Promise<void> };

/**
 * At the beginning of a turn that has asked before: takes the answer, or the default when its time
 * has come. Throws AwaitingAnswer while neither is there and nothing else has come in: then there
 * is nothing for Claude to do.
 */
export async function resumeQuestion(
  { job }: Pick<TurnContext, 'job'>,
  questions: Questions,
  dispatch: Dispatch,
): Promise<void> {
  if (!questions.open()) return;
  const known = knownTo(job.data);
  const waiting = await dispatch.look(false);
  await questions.expire();
  const open = questions.open();
  if (open && waiting.every(({ id }) => known.has(id)) && (await questions.wasSaid()))
    throw new AwaitingAnswer(open.deadline);
}

/**
 * Puts the turn off until its question's deadline, a due time like a schedule's. An attempt that
 * was let go is none. Always throws what BullMQ wants to see, or FencedError.
 */
export async function putOffForAnswer(
  { inbox, promoteTurn }: AwaitingParts,
  { job, token, conversation, log }: TurnContext,
  { deadline }: AwaitingAnswer,
  attempts: Attempts,
  questions: Questions,
): Promise<never> {
  await attempts.giveBack();
  const known = new Set([...knownTo(job.data), ...questions.answerers()]);
  await job.moveToDelayed(deadline, token);
  log.info(
    { conversation, untilMs: deadline - Date.now() },
    'a question waits for its answer: the turn is let go',
  );
  // What came in before the turn was put off has not brought it forward; it may have been the
  // answer.
  const isNew = ({ id }: Message): boolean => !known.has(id);
  if (!questions.open() || (await inbox.read(conversation)).some(isNew))
    await promoteTurn(conversation);
  throw new DelayedError();
}

/** The messages that the turn has taken up, now or in an earlier run. */
function knownTo(data: { messages?: { id: string }[] }): Set<string> {
  return new Set((Array.isArray(data.messages) ? data.messages : []).map(({ id }) => id));
}
