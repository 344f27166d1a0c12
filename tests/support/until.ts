import { scaled } from './machine-speed.ts';

/**
 * Waits until `look` returns something other than undefined, false or null, and returns it; looks again every `everyMs`. Throws with `what` after `ms` milliseconds of a
 * machine of the usual speed: a deadline for what does not come, which nothing that comes depends on.
 */
export async function until<T>(what: string, look: () => T | Promise<T>, ms = 60_000, everyMs = 10): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + scaled(ms);
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<Exclude<T, false>>;
    if (Date.now() > deadline) throw new Error(`waited ${scaled(ms)} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
