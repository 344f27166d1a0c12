import { CronExpressionParser } from 'cron-parser';
import { nextRun } from '../../shared/runtime/cron.ts';
import { forwardChanges } from '../../shared/runtime/time-zone.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** How far ahead two consecutive days are searched for (ms): a whole cycle of leap years. */
const leapCycle = 1461 * dayMs;

/** The most runs of a cron in one day. Throws when it is not a valid cron. */
export function cronRunsPerDay(cron: string): number {
  return timesOfDay(cron).length;
}

/**
 * The shortest gap (ms) between two runs of a cron with five fields, or six with seconds, in
 * `timezone` (IANA) within a year from `now` (ms since 1970). Considers the day's times, the gap
 * between consecutive days if both fire, and the days on which clocks go forward: a run in the
 * skipped hour comes an hour later. Throws when it is not a valid cron.
 */
export function cronGapMs(cron: string, timezone: string, now: number): number {
  const times = timesOfDay(cron);
  const withinDay = smallestStep(times);
  const overnight = dayMs - (times.at(-1) ?? 0) + (times[0] ?? 0);
  const gaps = [withinDay];
  if (overnight >= withinDay || overnight >= dayMs / 2 || hasDaysInRow(cron, now))
    gaps.push(overnight);
  // A gap this short needs no further search.
  if (Math.min(...gaps) > minuteMs)
    for (const change of forwardChanges(timezone, now, now + 366 * dayMs))
      gaps.push(gapAround(cron, timezone, change));
  return Math.min(...gaps);
}

/** The times of day at which a cron fires (ms since midnight), in order. */
function timesOfDay(cron: string): number[] {
  const { hour, minute, second } = CronExpressionParser.parse(cron).fields;
  const numbers = ({ values }: { values: readonly unknown[] }): number[] =>
    values.map(Number).toSorted((a, b) => a - b);
  const [minutes, seconds] = [numbers(minute), numbers(second)];
  return numbers(hour).flatMap((hours) =>
    minutes.flatMap((min) => seconds.map((sec) => ((hours * 60 + min) * 60 + sec) * 1000)),
  );
}

function smallestStep(times: readonly number[]): number {
  let smallest = Infinity;
  for (const [index, time] of times.entries())
    smallest = Math.min(smallest, time - (times[index - 1] ?? -Infinity));
  return smallest;
}

/** Whether a cron fires on two consecutive days. */
function hasDaysInRow(cron: string, now: number): boolean {
  const days = CronExpressionParser.parse(`0 12 ${cron.trim().split(/\s+/).slice(-3).join(' ')}`, {
    tz: 'UTC',
    currentDate: new Date(now),
  });
  let before = -Infinity;
  for (let day = nextOf(days); day !== undefined && day < now + leapCycle; day = nextOf(days)) {
    if (day - before <= dayMs) return true;
    before = day;
  }
  return false;
}

/** The shortest gap between runs from three hours before a clock change to three hours after it. */
function gapAround(cron: string, timezone: string, change: number): number {
  const around = 180 * minuteMs;
  const times: number[] = [];
  for (
    let time = nextRun(cron, timezone, change - around);
    time !== undefined && time <= change + around;
    time = nextRun(cron, timezone, time)
  )
    times.push(time);
  return smallestStep(times);
}

/** The next run (ms since 1970), or undefined. */
function nextOf(runs: ReturnType<typeof CronExpressionParser.parse>): number | undefined {
  try {
    return runs.next().getTime();
  } catch {
    return undefined;
  }
}
