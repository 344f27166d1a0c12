import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { runScript } from '../../shared/store/redis/script.ts';
import { loadScript } from '../../shared/store/redis/script-file.ts';

/**
 * The start of 2025 (ms since 1970). Boots are numbered by the seconds since then, so that the
 * clock repairs a counter that was restored from an older copy.
 */
const countedFrom = Date.UTC(2025, 0, 1);

const bootScript = loadScript(new URL('lua/boot.lua', import.meta.url), {
  keys: ['boots'],
  args: ['least'],
});

/**
 * Counts a boot of the worker, and returns its number, which is larger than any before, even in a
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

/** The name under which a boot signs its work. */
export function ownerOf(worker: string, boot: number): string {
  return `${worker}#${boot}`;
}
