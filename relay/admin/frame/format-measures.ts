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

/** An amount of money in cents; `<$0.01` below one; `isPretend` says that none is paid. */
export function dollars(amount: number, isPretend: boolean): string {
  const words = amount > 0 && amount < 0.005 ? '<$0.01' : `$${amount.toFixed(2)}`;
  return `${isPretend ? `pretend${bound}` : ''}${words}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** A formatter takes milliseconds to create, and a page needs the same one for each row. */
function formatOf(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${zone} ${JSON.stringify(options)}`;
  const known = formats.get(name);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
  formats.set(name, made);
  return made;
}

/**
 * A moment on the clock of a time zone (IANA name), to the second: `23 Nov, 14:05:09`. Nothing is
 * kept for a year, so the year is omitted.
 */
export function momentWords(ms: number, zone: string): string {
  const date = formatOf(zone, { day: 'numeric', month: 'short' }).format(ms);
  const time = formatOf(zone, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(ms);
  return `${date.replace(' ', bound)}, ${time}`;
}

/** A time of day on the clock of a time zone: `14:05`. */
export function clockWords(ms: number, zone: string): string {
  return formatOf(zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
}

/** A day on the calendar of a time zone: `Mon, 23 Nov`. */
export function dayWords(ms: number, zone: string): string {
  return formatOf(zone, { weekday: 'short', day: 'numeric', month: 'short' }).format(ms);
}

/** `1 message`, `2 messages`, `12,345 messages`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
