import type { Queue } from 'bullmq';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

/** What can be tidied up: finished jobs that are older than a week, or what failed. */
export type Untidy = 'completed' | 'failed';

/** Finished jobs younger than this are kept (ms). */
const keptMs = 7 * 24 * 3600_000;

/** So many jobs of a queue are removed at once. */
const most = 10_000;

/**
 * Removes finished jobs and returns how many. With `failed` the list of failed replies is emptied,
 * too. Messages are in no job: those that were given up stay and can still be tried again.
 */
export type Cleaning = (what: Untidy) => Promise<number>;

export function createCleaning(redis: Redis, queues: Queue[]): Cleaning {
  return async (what) => {
    let removed = 0;
    for (const queue of queues)
      removed += (await queue.clean(what === 'failed' ? 0 : keptMs, most, what)).length;
    if (what === 'failed') await redis.del(keys.failures);
    return removed;
  };
}
