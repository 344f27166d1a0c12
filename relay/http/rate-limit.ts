/**
 * A rate limit per key and minute, in this process's memory: it costs no Redis command, and a
 * restart resets it.
 */
export type RateLimit = {
  /** Whether the key has used up its limit for this minute. */
  isUsedUp(key: string): boolean;
  /** Counts one more. Returns false, and counts nothing, when the limit is used up. */
  take(key: string): boolean;
  /** Takes back one count. */
  giveBack(key: string): void;
};

/**
 * The most keys counted in a minute. Beyond that the oldest key is dropped: endless addresses must
 * neither fill the memory nor use up the limit of an innocent address.
 */
const mostKeys = 10_000;

/**
 * `now` is in ms since 1970. Minutes follow the clock, so all counts end together and need no
 * sweep.
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

/** The number of a minute since 1970. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000);
}
