import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';

/** How many failed replies are remembered. */
const mostFailures = 200;

/**
 * Lua for the ledger: counts a reply's new status or a Twilio error code, and remembers permanently
 * failed replies.
 */
export const countLua = `
  -- derives counts, failures
  local function count(what) redis.call('HINCRBY', '${keys.counts}', what, 1) end
  local function rememberFailure(id, now)
    redis.call('ZADD', '${keys.failures}', now, id)
    redis.call('ZREMRANGEBYRANK', '${keys.failures}', 0, ${-mostFailures - 1})
  end`;

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
