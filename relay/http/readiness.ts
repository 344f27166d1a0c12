import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

/** How long Redis's answer is cached (ms): frequent probes cost no further commands. */
const believedMs = 5000;
/** How long the test key is kept (s). */
const keptSeconds = 60;

/**
 * Tells whether Redis accepts writes: a Redis that only answers reads, as after a fail-over, cannot
 * store a message. Queries Redis only on request. Never throws.
 */
export function createReadiness(
  redis: Redis,
  now: () => number = Date.now,
): () => Promise<boolean> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<boolean> = Promise.resolve(false);
  return async () => {
    // A lost connection needs no query.
    if (redis.status !== 'ready') return false;
    // A clock that was set back counts as well.
    if (Math.abs(now() - asked) >= believedMs) {
      asked = now();
      answer = redis.set(keys.ready, asked, 'EX', keptSeconds).then(
        (said) => said === 'OK',
        () => false,
      );
    }
    return await answer;
  };
}
