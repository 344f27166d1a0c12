import { DelayedError } from 'bullmq';
import type { Message } from '../../shared/store/message.ts';
import { AwaitingAnswer } from './answer-wait.ts';
import type { Attempts } from '../turn/attempts.ts';
import type { Dispatch } from '../turn/dispatch.ts';
import type { Questions } from './questions.ts';
import type { TurnContext } from '../turn/context.ts';
import type { TurnDeps } from '../turn/deps.ts';

/**
 * Runs at the start of a turn that has asked before: takes the answer, or the default after the
 * deadline. Throws AwaitingAnswer while there is neither and no new message: then Claude has
 * nothing to do.
 */
export async function resumeQuestion(
  { job }: Pick<TurnContext, 'job'>,
  questions: Questions,
  dispatch: Dispatch,
): Promise<void> {
  if (!questions.open()) return;
  // What the turn has taken up, in this run or an earlier one.
  const known = new Set(job.data.messages.map(({ id }) => id));
  const waiting = await dispatch.look(false);
  await questions.expire();
  const open = questions.open();
  if (open && waiting.every(({ id }) => known.has(id)) && (await questions.wasSaid()))
    throw new AwaitingAnswer(open.deadline);
}

/**
 * Delays the turn until its question's deadline, a due time like a schedule's. A released attempt
 * is not counted; `hasSeen`: whether a look of this run has found a message. Always throws the
 * error that BullMQ expects, or FencedError.
 */
export async function putOffForAnswer(
  { stores: { inbox, turns } }: Pick<TurnDeps, 'stores'>,
  { job, token, conversation, log }: TurnContext,
  { deadline }: AwaitingAnswer,
  attempts: Attempts,
  questions: Questions,
  hasSeen: (id: string) => boolean,
): Promise<never> {
  await attempts.giveBack();
  await job.moveToDelayed(deadline, token);
  log.info(
    { conversation, untilMs: deadline - Date.now() },
    'released the turn while its question waits for an answer',
  );
  // Messages that came in before the delay have not promoted the turn; one may be the answer. What
  // a look has left waits for a turn of its own, and would bring this one forward again and again.
  const isNew = ({ id }: Message): boolean => !hasSeen(id);
  if (!questions.open() || (await inbox.read(conversation)).some(isNew))
    await turns.promote(conversation);
  throw new DelayedError();
}
