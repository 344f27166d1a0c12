import { formatMoment } from '../shared/time-zone.ts';
import type { PlannedSchedule, Schedule } from '../shared/schedules.ts';
import { cronWords } from './cron-words.ts';

/** A tick that comes later than this (ms) says so. */
const lateMs = 2 * 60_000;

/** Most of a prompt that a list shows (characters). */
const shownPrompt = 100;

/** When a schedule fires, such as "every weekday at 9:00" or "once, Mon 5 Jan 2026, 9:00". */
export function scheduleWords({ cron, at, timezone }: Pick<Schedule, 'cron' | 'at' | 'timezone'>): string {
  return cron === undefined ? `once, ${formatMoment(at ?? 0, timezone)}` : cronWords(cron);
}

/**
 * What a schedule says to Claude when it is due: a note in brackets on a line of its own, and the prompt. `due` and `now` are ms since 1970; the note tells
 * when a tick is late, with the time that it was meant for.
 */
export function tickText(schedule: Schedule, due: number, now: number): string {
  const late = now - due > lateMs ? `. This was due on ${formatMoment(due, schedule.timezone)}; the computer was asleep or away. Tell the person that it is late.` : '';
  return `[Scheduled: ${scheduleWords(schedule)}${late}]\n${schedule.prompt}`;
}

/** A line about a schedule: its number, when, what, and the next time. */
export function scheduleLine({ next, ...schedule }: PlannedSchedule): string {
  const prompt = schedule.prompt.replaceAll(/\s+/g, ' ');
  const short = prompt.length > shownPrompt ? `${prompt.slice(0, shownPrompt - 1).trimEnd()}…` : prompt;
  const then = schedule.cron === undefined ? '' : ` (next: ${formatMoment(next, schedule.timezone)})`;
  return `${schedule.number}. ${scheduleWords(schedule)}: ${short}${then}`;
}
