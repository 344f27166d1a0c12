import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

/**
 * How long an answer of Redis's counts (ms): whoever asks the relay more often costs no further
 * commands.
 */
const believedMs = 5000;
/** How long the mark of a test is kept (s). */
const keptSeconds = 60;

/**
 * Tells whether Redis takes writes now: one that only answers, as after a fail-over, takes no
 * message. Asks only when it is asked. Never throws.
 */
export function createReadiness(
  redis: Redis,
  now: () => number = Date.now,
): () => Promise<boolean> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<boolean> = Promise.resolve(false);
  return async () => {
    // A connection that is gone needs no question.
    if (redis.status !== 'ready') return false;
    if (now() - asked >= believedMs) {
      asked = now();
      answer = redis.set(keys.ready, asked, 'EX', keptSeconds).then(
        (said) => said === 'OK',
        () => false,
      );
    }
    return await answer;
  };
}
