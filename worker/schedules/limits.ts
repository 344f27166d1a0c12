import type { Schedule } from '../../shared/store/schedules.ts';
import { cronGapMs, cronRunsPerDay } from './cron-gap.ts';

/**
 * Limits for schedules: the minimum minutes between two runs of a repeating one, and the maximum
 * runs per person and day.
 */
export type ScheduleLimits = { minutesApart: number; runsPerDay: number };

/**
 * The shortest gap (ms) between two runs of a schedule; Infinity for a one-time schedule and for a
 * cron that is no longer valid.
 */
function gapOf({ cron, timezone }: Pick<Schedule, 'cron' | 'timezone'>, now: number): number {
  return (
    (cron === undefined ? undefined : attempt(() => cronGapMs(cron, timezone, now))) ?? Infinity
  );
}

function runsPerDayOf({ cron }: Pick<Schedule, 'cron'>): number {
  return (cron === undefined ? undefined : attempt(() => cronRunsPerDay(cron))) ?? 0;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Whether a schedule runs more often than new ones may. */
export function isTooDense(
  schedule: Pick<Schedule, 'cron' | 'timezone'>,
  { minutesApart }: ScheduleLimits,
  now: number,
): boolean {
  return gapOf(schedule, now) < minutesApart * 60_000;
}

/**
 * Why a new repeating schedule is refused, as a sentence for the model; undefined when it is
 * allowed. `present` are the person's other schedules.
 */
export function judgeRepeating(
  schedule: Pick<Schedule, 'cron' | 'timezone'>,
  present: readonly Schedule[],
  limits: ScheduleLimits,
  now: number,
): string | undefined {
  if (schedule.cron === undefined) return undefined;
  if (isTooDense(schedule, limits, now)) {
    return `Repeating schedules are at least ${limits.minutesApart} minutes apart, and “${schedule.cron}” comes twice within ${gapWords(gapOf(schedule, now))}. Tell the person, and choose times that are further apart; a single time can be as soon as you like.`;
  }
  const runs = present.reduce((sum, other) => sum + runsPerDayOf(other), runsPerDayOf(schedule));
  if (runs <= limits.runsPerDay) return undefined;
  return `With it the repeating schedules would run up to ${runs} times a day, and ${limits.runsPerDay} are the most. Tell the person; fewer times, or cancelling another schedule, would make room.`;
}

function gapWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 1 ? 'a minute' : `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
}
