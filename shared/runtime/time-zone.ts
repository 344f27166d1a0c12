import { createRequire } from 'node:module';
import type * as luxon from 'luxon';

let loaded: typeof luxon | undefined;

/**
 * The library, loaded with the first zone: nothing of a worker's start needs it. As cron-parser
 * loads it, which BullMQ does in both processes: an import would load it again.
 */
function zones(): typeof luxon {
  return (loaded ??= createRequire(import.meta.url)('luxon') as typeof luxon);
}

/** Whether the name is a time zone of the IANA database, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  // A bare offset such as +01:00 has no summer time, so it is not accepted as a person's zone.
  // `create` remembers what it has found out, which takes a while.
  return /^[A-Za-z]/.test(name) && zones().IANAZone.create(name).isValid;
}

/** What the zone's clock shows at a moment, as if it were UTC (both ms since 1970). */
export function clockTime(ms: number, zone: string): number {
  return ms + zones().DateTime.fromMillis(ms, { zone }).offset * 60_000;
}

/**
 * The moment at which the zone's clock shows this time (both ms since 1970, the time as if it were
 * UTC). A time skipped in spring is moved later by what is skipped; a time that occurs twice in
 * autumn is the first.
 */
export function momentOfClock(time: number, zone: string): number {
  const moment = zones()
    .DateTime.fromMillis(time, { zone: 'utc' })
    .setZone(zone, { keepLocalTime: true });
  const [first = moment] = moment.getPossibleOffsets();
  return first.toMillis();
}

/**
 * The moments (ms since 1970, to the minute) within a range at which a zone's clocks go forward.
 */
export function forwardChanges(zone: string, from: number, to: number): number[] {
  if (zone === 'UTC') return [];
  const [clock, week, minute] = [zones().IANAZone.create(zone), 7 * 24 * 3600_000, 60_000];
  const found: number[] = [];
  for (let start = from; start < to; start += week) {
    let [before, after] = [start, start + week];
    const offset = clock.offset(before);
    if (clock.offset(after) <= offset) continue;
    while (after - before > minute) {
      const middle = (before + after) / 2;
      if (clock.offset(middle) > offset) after = middle;
      else before = middle;
    }
    found.push(after);
  }
  return found;
}

/**
 * The time in ms since 1970 of a moment that a person or a model wrote, such as `2026-01-05T09:00`,
 * optionally with seconds, `Z` or an offset. `isLocal`: it has no offset, so it was read by the
 * clock of `zone`; a time skipped in spring is moved an hour later, and a time that occurs twice in
 * autumn is the first. Undefined for anything else, or a day that does not exist.
 */
export function parseMoment(
  text: string,
  zone: string,
): { time: number; isLocal: boolean } | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?$/i.exec(
    text.trim(),
  );
  if (!match) return undefined;
  const [, day = '', clock = '', offset = ''] = match;
  const moment = zones().DateTime.fromISO(`${day}T${clock}${offset.toUpperCase()}`, { zone });
  const [first = moment] = moment.isValid ? moment.getPossibleOffsets() : [];
  return moment.isValid ? { time: first.toMillis(), isLocal: offset === '' } : undefined;
}

/**
 * A time for people, such as `Mon 5 Jan 2026, 9:00`; UTC is named, since it is not a person's own
 * zone.
 */
export function formatMoment(ms: number, zone: string): string {
  const moment = zones().DateTime.fromMillis(ms, { zone, locale: 'en-GB' });
  return `${moment.toFormat('ccc d LLL yyyy, H:mm')}${zone === 'UTC' ? ' UTC' : ''}`;
}
