const timeFormat = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const dateFormat = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const dayMs = 24 * 60 * 60 * 1000;

/** The time of day of an ISO 8601 moment, in the reader's zone and manner. */
export function formatTime(iso: string): string {
  return timeFormat.format(new Date(iso));
}

/** The reader's calendar day of a moment, as a key for grouping. */
export function dayOf(iso: string): string {
  return new Date(iso).toDateString();
}

/** "Today", "Yesterday", a weekday within the last week, else the date. */
export function formatDay(iso: string, now: Date): string {
  const days = Math.round((midnight(now) - midnight(new Date(iso))) / dayMs);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days > 1 && days < 7
    ? weekdayFormat.format(new Date(iso))
    : dateFormat.format(new Date(iso));
}

/** Minutes and seconds of a length in seconds; an unknown length is 0:00. */
export function formatLength(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.floor(seconds) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function midnight(moment: Date): number {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
}
