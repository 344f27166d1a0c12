import { DelayedError, WaitingError } from 'bullmq';
import type { Job } from 'bullmq';

/**
 * Gives a job back to the head of its queue, for another worker or a later boot; it counts as no
 * attempt. Always throws what BullMQ wants to see.
 */
export async function handBack<Data, Result>(
  job: Job<Data, Result>,
  token: string,
): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** Puts a job off for `ms` milliseconds. Always throws what BullMQ wants to see. */
export async function delayJob<Data, Result>(
  job: Job<Data, Result>,
  token: string,
  ms: number,
): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}
