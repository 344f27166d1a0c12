import type { Log } from '../../runtime/log.ts';
import type { Redis } from './redis.ts';

/**
 * Why a Redis is unfit to store messages, in whole sentences; empty if it is fit. Derived from its
 * INFO, which every provider allows.
 */
export function judgeRedis(info: string): string[] {
  const values = new Map(
    info
      .split(/\r?\n/)
      .map((line): [string, string] => [
        line.slice(0, line.indexOf(':')),
        line.slice(line.indexOf(':') + 1),
      ]),
  );
  const problems: string[] = [];
  const policy = values.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction')
    problems.push(
      `Redis may throw messages away when it is full: its maxmemory-policy is ${policy}. Set it to noeviction.`,
    );
  if (values.get('aof_enabled') === '0')
    problems.push(
      'Redis does not write an append-only file, so a restart of it can lose messages. Set appendonly yes and appendfsync always.',
    );
  return problems;
}

/** Logs a warning once at the start for each problem of the Redis in use. Never throws. */
export async function checkRedis(redis: Redis, log: Log): Promise<void> {
  try {
    for (const problem of judgeRedis(await redis.info())) log.error(problem);
  } catch (error) {
    log.warn({ err: error }, 'could not check Redis’s configuration');
  }
}
