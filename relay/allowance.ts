/** How often something may happen in a minute, counted by key, in this process's memory: it costs no Redis command, and a restart forgives. */
export type Allowance = {
  /** Whether the key's share of this minute is used up. */
  isUsedUp(key: string): boolean;
  /** Counts one more. False when the share was used up already; then nothing is counted. */
  take(key: string): boolean;
  /** What was counted a moment ago did not happen after all. */
  giveBack(key: string): void;
};

/** Beyond so many keys in a minute newcomers share one count: whoever has endless addresses must not fill the memory. */
const mostKeys = 10_000;

/** `now` is in ms since 1970. Minutes are the clock's, so that all counts end together and nothing has to be swept. */
export function createAllowance(perMinute: number, now: () => number = Date.now): Allowance {
  let minute = 0;
  const counts = new Map<string, number>();
  const slotOf = (key: string): string => {
    const current = minuteOf(now());
    if (current !== minute) {
      minute = current;
      counts.clear();
    }
    return counts.has(key) || counts.size < mostKeys ? key : '';
  };
  return {
    isUsedUp: (key) => (counts.get(slotOf(key)) ?? 0) >= perMinute,
    take(key) {
      const slot = slotOf(key);
      const count = counts.get(slot) ?? 0;
      if (count >= perMinute) return false;
      counts.set(slot, count + 1);
      return true;
    },
    giveBack(key) {
      const slot = slotOf(key);
      const count = counts.get(slot) ?? 0;
      if (count > 0) counts.set(slot, count - 1);
    },
  };
}

/** Numbers the minutes since 1970. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000);
}
