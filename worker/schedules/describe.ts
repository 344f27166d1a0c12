import { formatMoment } from '../../shared/runtime/time-zone.ts';
import type { PlannedSchedule, Schedule } from '../../shared/store/schedules.ts';
import { cut } from '../../shared/runtime/cut.ts';
import { cronWords } from './describe-cron.ts';

/** A tick later than this (ms) mentions it. */
const lateMs = 2 * 60_000;

/** How much of a prompt a list shows (characters). */
const shownPrompt = 100;

/**
 * Describes when a schedule fires, such as "every weekday at 9:00" or "once, Mon 5 Jan 2026, 9:00".
 */
export function scheduleWords({
  cron,
  at,
  timezone,
}: Pick<Schedule, 'cron' | 'at' | 'timezone'>): string {
  return cron === undefined ? `once, ${formatMoment(at ?? 0, timezone)}` : cronWords(cron);
}

/**
 * The prompt for Claude when a schedule is due, after a note in brackets on a separate line. `due`
 * and `now` are ms since 1970; a late tick's note includes the intended time.
 */
export function tickText(schedule: Schedule, due: number, now: number): string {
  const late =
    now - due > lateMs
      ? `. This was due on ${formatMoment(due, schedule.timezone)}; the computer was asleep or away. Tell the person that it is late.`
      : '';
  return `[Scheduled: ${scheduleWords(schedule)}${late}]\n${schedule.prompt}`;
}

/** The start of a prompt, on one line. */
function promptWords(prompt: string): string {
  return cut(prompt, shownPrompt);
}

/**
 * Announces a new repeating schedule: what, when, what happens to its answers when the person has
 * not written for a day (`closed`), and how to cancel it.
 */
export function newScheduleWords(schedule: Schedule, closed: string): string {
  const { number, timezone, prompt } = schedule;
  return `Scheduled as number ${number}: ${scheduleWords(schedule)} (${timezone}), “${promptWords(prompt)}”. When you have not written for a day by then, ${closed}. Text “/schedules cancel ${number}” to end it.`;
}

/** Asks about a schedule that runs more often than new ones may. */
export function denseScheduleWords(
  schedule: Schedule,
  minutesApart: number,
  runsPerDay: number,
): string {
  const { number, prompt } = schedule;
  return `Number ${number} of your schedules, “${promptWords(prompt)}”, comes ${scheduleWords(schedule)}. New ones come every ${minutesApart} minutes at most. Text “/schedules keep ${number}” to keep it as it is, or “/schedules cancel ${number}” to end it. Until then it goes on, with at most ${runsPerDay} runs a day.`;
}

/**
 * Announces that a schedule is paused because its last answers all wait for the person to write.
 */
export function pausedScheduleWords(schedule: Schedule, runs: number): string {
  const { number, prompt } = schedule;
  return `I paused number ${number} of your schedules, ${scheduleWords(schedule)}, “${promptWords(prompt)}”: its last ${runs} answers all waited for you to write. Text “/schedules resume ${number}” to start it again, or “/schedules cancel ${number}” to end it.`;
}

/** Says what is due while the person's computer does not come up. */
export function reminderWords({ prompt }: Pick<Schedule, 'prompt'>): string {
  return `You had planned this for now: “${promptWords(prompt)}”. Your computer cannot be reached, so I only remind you. I do it as soon as the computer is back.`;
}

/** Announces that the day's runs are used up. */
export function fullDayWords(runsPerDay: number): string {
  return `Your schedules have run ${runsPerDay} times today, which is the most for a day, so they rest until tomorrow. Text “/schedules” to see them.`;
}

/** Describes a schedule in one line: its number, when, what, and the next run. */
export function scheduleLine({ next, paused, ...schedule }: PlannedSchedule): string {
  const then = paused
    ? ' (paused)'
    : schedule.cron === undefined
      ? ''
      : ` (next: ${formatMoment(next, schedule.timezone)})`;
  return `${schedule.number}. ${scheduleWords(schedule)}: ${promptWords(schedule.prompt)}${then}`;
}
