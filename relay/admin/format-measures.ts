const [second, minute, hour, day] = [1000, 60_000, 3600_000, 24 * 3600_000];

/** Keeps a number and its unit on one line. */
const bound = '\u00a0';

/** A length of time (ms) for people: `12 ms`, `4.2 s`, `3 min`, `5 h`, `2 days`. */
export function durationWords(ms: number): string {
  if (ms < second) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)}${bound}ms`;
  if (ms < 10 * second) return `${(ms / second).toFixed(1)}${bound}s`;
  return wholeWords(ms);
}

function wholeWords(ms: number): string {
  if (ms < minute) return `${Math.floor(ms / second)}${bound}s`;
  if (ms < hour) return `${Math.floor(ms / minute)}${bound}min`;
  if (ms < 2 * day) return `${Math.floor(ms / hour)}${bound}h`;
  return `${Math.floor(ms / day)}${bound}days`;
}

/** How long ago a moment was, or how soon it comes (both ms since 1970). */
export function agoWords(at: number, now: number): string {
  const ms = now - at;
  if (Math.abs(ms) < second) return 'now';
  return ms > 0 ? `${wholeWords(ms)} ago` : `in ${wholeWords(-ms)}`;
}

/** An amount of money: cents, or more decimals below a few cents; `isPretend` says that none is paid. */
export function dollars(amount: number, isPretend: boolean): string {
  return `${isPretend ? `pretend${bound}` : ''}$${amount !== 0 && amount < 0.1 ? amount.toFixed(4) : amount.toFixed(2)}`;
}

/**
 * A moment in UTC, to the second: `23 Nov, 14:05:09`. Nothing is kept for a year, so the year is
 * omitted.
 */
export function momentWords(ms: number): string {
  const [, date = '', time = ''] =
    /^\w+, (\d+ \w+) \d+ (\S+) GMT$/.exec(new Date(ms).toUTCString()) ?? [];
  return `${Number.parseInt(date, 10)}${bound}${date.slice(3)}, ${time}`;
}

/** `1 message`, `2 messages`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
