/**
 * How often something may happen in a minute, counted by key, in this process's memory: it costs no
 * Redis command, and a restart forgives.
 */
export type RateLimit = {
  /** Whether the key's share of this minute is used up. */
  isUsedUp(key: string): boolean;
  /** Counts one more. False when the share was used up already; then nothing is counted. */
  take(key: string): boolean;
  /** What was counted a moment ago did not happen after all. */
  giveBack(key: string): void;
};

/**
 * How many keys are counted in a minute. Beyond that the one that was counted first is forgotten:
 * endless addresses must not fill the memory, nor use up the share of an address that has done
 * nothing.
 */
const mostKeys = 10_000;

/**
 * `now` is in ms since 1970. Minutes are the clock's, so that all counts end together and nothing
 * has to be swept.
 */
export function createRateLimit(perMinute: number, now: () => number = Date.now): RateLimit {
  let minute = 0;
  const counts = new Map<string, number>();
  const countOf = (key: string): number => {
    const current = minuteOf(now());
    if (current !== minute) {
      minute = current;
      counts.clear();
    }
    return counts.get(key) ?? 0;
  };
  const forgetFirst = (): void => {
    for (const first of counts.keys()) return void counts.delete(first);
  };
  return {
    isUsedUp: (key) => countOf(key) >= perMinute,
    take(key) {
      const count = countOf(key);
      if (count >= perMinute) return false;
      if (count === 0 && counts.size >= mostKeys) forgetFirst();
      counts.set(key, count + 1);
      return true;
    },
    giveBack(key) {
      const count = countOf(key);
      if (count > 1) counts.set(key, count - 1);
      else counts.delete(key);
    },
  };
}

/** Numbers the minutes since 1970. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000);
}
