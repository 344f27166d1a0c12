import type { Queue } from 'bullmq';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

/** What can be cleaned: finished jobs older than a week, or failures. */
export type Untidy = 'completed' | 'failed';

/** Finished jobs younger than this are kept (ms). */
const keptMs = 7 * 24 * 3600_000;

/** How many jobs of a queue one call removes at most. */
const most = 10_000;

/**
 * Removes finished jobs and returns how many. `failed` also empties the list of failed replies.
 * Jobs hold no messages: messages that were given up stay and can still be retried.
 */
export type Cleaning = (what: Untidy) => Promise<number>;

export function createCleaning(redis: Redis, queues: () => Promise<Queue[]>): Cleaning {
  return async (what) => {
    let removed = 0;
    for (const queue of await queues())
      removed += (await queue.clean(what === 'failed' ? 0 : keptMs, most, what)).length;
    if (what === 'failed') await redis.del(keys.failures);
    return removed;
  };
}
