import { scaled } from './machine-speed.ts';

/**
 * The real ones, also while a test file that shares this process has replaced them: what a failed
 * test still waits for would never end.
 */
const [later, now] = [setTimeout, Date.now];

/**
 * Waits until `look` returns something other than undefined, false or null, and returns it; looks
 * again every `everyMs`, without which the pauses grow from 10 to 50 ms: what comes is seen at
 * once, and a long wait costs the machine little. Throws with `what` after `ms` milliseconds of a
 * machine of the usual speed: a deadline for what does not come, which nothing that comes depends
 * on.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  ms = 60_000,
  everyMs?: number,
): Promise<NonNullable<Exclude<T, false>>> {
  const start = now();
  for (let pause = everyMs ?? 10; ; pause = everyMs ?? Math.min(pause * 1.25, 50)) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false)
      return found as NonNullable<Exclude<T, false>>;
    // Asked anew each time: what slows the machine may have come after the wait began.
    if (now() - start > scaled(ms))
      throw new Error(`waited ${now() - start} ms in vain for ${what}`);
    await new Promise((resolve) => void later(resolve, pause));
  }
}
