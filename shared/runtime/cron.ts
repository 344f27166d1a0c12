import { CronExpressionParser } from 'cron-parser';
import { clockTime, momentOfClock } from './time-zone.ts';

const dayMs = 24 * 3600_000;

/**
 * The next run of a cron (five fields, or six with seconds) in `timezone` (IANA) after a moment
 * (both ms since 1970); or undefined. Each time that a clock shows counts once: a
 * time skipped in spring comes later by what is skipped, and a time that occurs twice in autumn is
 * the first. Throws when the cron is not valid.
 *
 * Cron-parser's own time zones leave out the day on which the clocks go forward at midnight
 * (Africa/Cairo, America/Havana, America/Santiago), and repeat a run where they go back two hours
 * (Antarctica/Troll). So it only reads the cron here, on a clock without a zone.
 */
export function nextRun(cron: string, timezone: string, after: number): number | undefined {
  // What was skipped within the last day may still be to come.
  const clock = clockTime(after, timezone);
  const skipped = Math.max(clock - after - (clockTime(after - dayMs, timezone) - after + dayMs), 0);
  const times = CronExpressionParser.parse(cron, {
    tz: 'UTC',
    currentDate: new Date(clock - skipped - 1),
  });
  let best: number | undefined;
  for (let time = nextOf(times); time !== undefined; time = nextOf(times)) {
    // A later time of the clock may be an earlier moment while an earlier one is skipped.
    if (best !== undefined && time >= clockTime(best, timezone)) break;
    const moment = momentOfClock(time, timezone);
    if (moment > after && (best === undefined || moment < best)) best = moment;
  }
  return best;
}

/** Like `nextRun`, and a day after the moment where the cron or the zone is not known here. */
export function nextRunOrDay(cron: string, timezone: string, after: number): number | undefined {
  try {
    return nextRun(cron, timezone, after);
  } catch {
    return after + dayMs;
  }
}

/** Whether the text is a cron. */
export function isCron(text: string): boolean {
  try {
    CronExpressionParser.parse(text, { tz: 'UTC' });
    return true;
  } catch {
    return false;
  }
}

/** The most runs that are listed: those of a year with one run a day. */
const mostListed = 366;

/** The first runs of a cron after one moment and before another (ms since 1970), in order. */
export function runsBetween(
  cron: string,
  timezone: string,
  after: number,
  before: number,
): number[] {
  const runs: number[] = [];
  for (
    let run = nextRun(cron, timezone, after);
    run !== undefined && run < before && runs.length < mostListed;
    run = nextRun(cron, timezone, run)
  )
    runs.push(run);
  return runs;
}

/** The next time (ms), or undefined. */
function nextOf(times: ReturnType<typeof CronExpressionParser.parse>): number | undefined {
  try {
    return times.next().getTime();
  } catch {
    return undefined;
  }
}
