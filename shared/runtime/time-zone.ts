/** Whether the name is a time zone of the IANA database, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  // A bare offset such as +01:00 has no summer time, so it is not accepted as a person's zone.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** A formatter of the full local time in a zone. Creating it takes about a millisecond. */
function clockOf(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
}

/** A zone's offset from UTC at a moment; both in ms. */
function offsetAt(ms: number, zone: string, format: Intl.DateTimeFormat = clockOf(zone)): number {
  const part = Object.fromEntries(
    format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

/**
 * The moments (ms since 1970, to the minute) within a range at which a zone's clocks go forward.
 */
export function forwardChanges(zone: string, from: number, to: number): number[] {
  if (zone === 'UTC') return [];
  const [format, week, minute] = [clockOf(zone), 7 * 24 * 3600_000, 60_000];
  const found: number[] = [];
  for (let start = from; start < to; start += week) {
    let [before, after] = [start, start + week];
    const offset = offsetAt(before, zone, format);
    if (offsetAt(after, zone, format) <= offset) continue;
    while (after - before > minute) {
      const middle = (before + after) / 2;
      if (offsetAt(middle, zone, format) > offset) after = middle;
      else before = middle;
    }
    found.push(after);
  }
  return found;
}

/**
 * A moment written by a person or a model: ISO 8601, `local` if it has no offset and refers to a
 * local clock.
 */
export type WrittenMoment = {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  offsetMinutes: number | undefined;
};

/**
 * Parses `2026-01-05T09:00`, optionally with seconds, `Z` or an offset. Undefined for anything
 * else, or a day that does not exist.
 */
export function parseMoment(text: string): WrittenMoment | undefined {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:(Z)|([+-])(\d\d):?(\d\d))?$/i.exec(
      text.trim(),
    );
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits) => Number(digits ?? 0));
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const isReal =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!isReal) return undefined;
  const sign = match[8] === '-' ? -1 : 1;
  const offsetMinutes = match[7]
    ? 0
    : match[8]
      ? sign * (Number(match[9]) * 60 + Number(match[10]))
      : undefined;
  return { year, month, day, hour, minute, second, offsetMinutes };
}

/**
 * The time in ms since 1970; `zone` applies to a moment without an offset. A time skipped in spring
 * is moved an hour later; a time that occurs twice in autumn is the first.
 */
export function momentTime(
  { year, month, day, hour, minute, second, offsetMinutes }: WrittenMoment,
  zone: string,
): number {
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  if (offsetMinutes !== undefined) return asUtc - offsetMinutes * 60_000;
  // The offsets a day before and a day after are the only candidates.
  const [before, after] = [
    offsetAt(asUtc - 24 * 3600_000, zone),
    offsetAt(asUtc + 24 * 3600_000, zone),
  ];
  const fits = [asUtc - before, asUtc - after].filter((ms) => ms + offsetAt(ms, zone) === asUtc);
  return fits.length > 0 ? Math.min(...fits) : asUtc - before;
}

/**
 * A time for people, such as `Mon 5 Jan 2026, 9:00`; UTC is named, since it is not a person's own
 * zone.
 */
export function formatMoment(ms: number, zone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  });
  const { weekday, day, month, year, hour, minute } = Object.fromEntries(
    format.formatToParts(ms).map(({ type, value }) => [type, value]),
  );
  return `${weekday} ${day} ${month} ${year}, ${Number(hour)}:${minute}${zone === 'UTC' ? ' UTC' : ''}`;
}
