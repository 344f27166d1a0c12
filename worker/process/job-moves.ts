import { DelayedError, WaitingError } from 'bullmq';
import type { Job } from 'bullmq';

/**
 * Returns a job to the head of its queue, for another worker or a later boot; it does not count as
 * an attempt. Always throws the error that BullMQ expects.
 */
export async function handBack<Data, Result>(
  job: Job<Data, Result>,
  token: string,
): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** Delays a job for `ms` milliseconds. Always throws the error that BullMQ expects. */
export async function delayJob<Data, Result>(
  job: Job<Data, Result>,
  token: string,
  ms: number,
): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}
