import { once } from 'node:events';
import type { Log } from '../../shared/runtime/log.ts';
import { SetupError } from '../../shared/runtime/errors.ts';

/** How long Redis may take to be reached (ms): the process is about to exit. */
const patience = 3000;

/**
 * Runs the start of a worker. If it fails for a reason that the owner can fix, the dashboard gets
 * the reason, as far as Redis is reached. Throws what the start throws.
 */
export async function withStartProblems<T>(
  redisUrl: string | undefined,
  log: Log,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    // An address of another form would be quoted, with a password in it, where it is not reached.
    if (error instanceof SetupError && redisUrl !== undefined && isRedisUrl(redisUrl))
      await note(redisUrl, error.message, log).catch(() => undefined);
    throw error;
  }
}

function isRedisUrl(url: string): boolean {
  return /^rediss?:\/\//.test(url) && URL.canParse(url);
}

/** Loaded only then, so that a start that works does not wait for it. */
async function note(redisUrl: string, reason: string, log: Log): Promise<void> {
  const [{ connectRedis }, { noteStartProblem }] = await Promise.all([
    import('../../shared/store/redis/redis.ts'),
    import('../../shared/store/owner.ts'),
  ]);
  const redis = connectRedis(redisUrl, 'fail-fast', log);
  try {
    await once(redis, 'ready', { signal: AbortSignal.timeout(patience) });
    await noteStartProblem(redis, reason, new Date());
  } finally {
    redis.disconnect();
  }
}
