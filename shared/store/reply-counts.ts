import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';

/**
 * How many replies reached each status, and how often Twilio returned each code, since the
 * beginning.
 */
export type ReplyCounts = { statuses: Record<string, number>; codes: Record<string, number> };

export async function readReplyCounts(redis: Redis): Promise<ReplyCounts> {
  const counts = await redis.hgetall(keys.counts);
  const under = (prefix: string): Record<string, number> =>
    Object.fromEntries(
      Object.entries(counts).flatMap(([name, count]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), Number(count)]] : [],
      ),
    );
  return { statuses: under('status:'), codes: under('code:') };
}

/** The latest failed replies, by id, newest first. */
export async function readFailures(redis: Redis, most: number): Promise<string[]> {
  return await redis.zrevrange(keys.failures, 0, most - 1);
}
