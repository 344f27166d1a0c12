import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { defineScript, runScript } from '../../shared/store/redis/script.ts';

/**
 * 2025 began (ms since 1970). Boots are numbered by the seconds since then, so that a counter that
 * has gone back is made good by the clock.
 */
const countedFrom = Date.UTC(2025, 0, 1);

const bootScript = defineScript({
  name: 'sidepocketBoot',
  keys: ['boots'],
  args: ['least'],
  // A clock that was set back does not count.
  lua: `
    local boot = redis.call('INCR', boots)
    if boot >= tonumber(least) then return boot end
    redis.call('SET', boots, least)
    return tonumber(least)`,
});

/**
 * Counts a boot of the worker, and returns its number, which is larger than any before, also in a
 * Redis restored from an older copy. From then on every earlier boot is fenced off.
 */
export async function countBoot(
  redis: Redis,
  worker: string,
  now: number = Date.now(),
): Promise<number> {
  const least = Math.floor((now - countedFrom) / 1000);
  return Number(
    await runScript(redis, bootScript, { keys: { boots: keys.boots(worker) }, args: { least } }),
  );
}

/** How a boot is called wherever it leaves its name. */
export function ownerOf(worker: string, boot: number): string {
  return `${worker}#${boot}`;
}
