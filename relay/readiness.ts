import type { Redis } from '../shared/redis.ts';

/** How long an answer of Redis's counts (ms): whoever asks the relay more often costs no further commands. */
const believedMs = 1000;

/** Tells whether Redis answers now. Never throws. */
export function createReadiness(redis: Redis, now: () => number = Date.now): () => Promise<boolean> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<boolean> = Promise.resolve(false);
  return async () => {
    // A connection that is gone needs no question.
    if (redis.status !== 'ready') return false;
    if (now() - asked >= believedMs) {
      asked = now();
      answer = redis.ping().then((said) => said === 'PONG', () => false);
    }
    return await answer;
  };
}
