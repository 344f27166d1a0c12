import { formatMoment } from '../../shared/runtime/time-zone.ts';
import type { PlannedSchedule, Schedule } from '../../shared/store/schedules.ts';
import { cut } from '../../shared/runtime/cut.ts';
import { cronWords } from './describe-cron.ts';

/** A tick that comes later than this (ms) says so. */
const lateMs = 2 * 60_000;

/** Most of a prompt that a list shows (characters). */
const shownPrompt = 100;

/** When a schedule fires, such as "every weekday at 9:00" or "once, Mon 5 Jan 2026, 9:00". */
export function scheduleWords({
  cron,
  at,
  timezone,
}: Pick<Schedule, 'cron' | 'at' | 'timezone'>): string {
  return cron === undefined ? `once, ${formatMoment(at ?? 0, timezone)}` : cronWords(cron);
}

/**
 * What a schedule says to Claude when it is due: a note in brackets on a line of its own, and the
 * prompt. `due` and `now` are ms since 1970; the note tells when a tick is late, with the time that
 * it was meant for.
 */
export function tickText(schedule: Schedule, due: number, now: number): string {
  const late =
    now - due > lateMs
      ? `. This was due on ${formatMoment(due, schedule.timezone)}; the computer was asleep or away. Tell the person that it is late.`
      : '';
  return `[Scheduled: ${scheduleWords(schedule)}${late}]\n${schedule.prompt}`;
}

/** The beginning of a prompt, on one line. */
function promptWords(prompt: string): string {
  return cut(prompt, shownPrompt);
}

/**
 * What the person is told of a new repeating schedule: what, when, what becomes of its answers when
 * they have not written for a day (`closed`), and how to cancel it.
 */
export function newScheduleWords(schedule: Schedule, closed: string): string {
  const { number, timezone, prompt } = schedule;
  return `Scheduled as number ${number}: ${scheduleWords(schedule)} (${timezone}), “${promptWords(prompt)}”. When you have not written for a day by then, ${closed}. Text “/schedules cancel ${number}” to end it.`;
}

/** What the person is asked about a schedule that runs more often than a new one may. */
export function denseScheduleWords(
  schedule: Schedule,
  minutesApart: number,
  runsPerDay: number,
): string {
  const { number, prompt } = schedule;
  return `Number ${number} of your schedules, “${promptWords(prompt)}”, runs ${scheduleWords(schedule)}: more often than every ${minutesApart} minutes, which is the least for new ones. Text “/schedules keep ${number}” to keep it as it is, or “/schedules cancel ${number}” to end it. Until then it goes on, with at most ${runsPerDay} runs a day.`;
}

/**
 * What the person is told of a schedule that is paused since its last answers all waited for them.
 */
export function pausedScheduleWords(schedule: Schedule, runs: number): string {
  const { number, prompt } = schedule;
  return `I paused number ${number} of your schedules, ${scheduleWords(schedule)}, “${promptWords(prompt)}”: its last ${runs} answers all waited for you to write. Text “/schedules resume ${number}” to start it again, or “/schedules cancel ${number}” to end it.`;
}

/** What the person is told when the day's runs are used up. */
export function fullDayWords(runsPerDay: number): string {
  return `Your schedules have run ${runsPerDay} times today, which is the most for a day, so they rest until tomorrow. Text “/schedules” to see them.`;
}

/** A line about a schedule: its number, when, what, and the next time. */
export function scheduleLine({ next, paused, ...schedule }: PlannedSchedule): string {
  const then = paused
    ? ' (paused)'
    : schedule.cron === undefined
      ? ''
      : ` (next: ${formatMoment(next, schedule.timezone)})`;
  return `${schedule.number}. ${scheduleWords(schedule)}: ${promptWords(schedule.prompt)}${then}`;
}
