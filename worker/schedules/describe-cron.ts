const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/**
 * Describes when a cron of five fields fires, such as "every weekday at 9:00". A cron without a
 * short description is shown as it is.
 */
export function cronWords(cron: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.trim().split(/\s+/);
  return (
    (isAny(day) && isAny(month) && isAny(weekday) ? withinDay(minute, hour) : undefined) ??
    atTime(minute, hour, day, month, weekday) ??
    `at cron times ${cron.trim()}`
  );
}

const isAny = (field: string): boolean => field === '*' || field === '?';
const isNumber = (field: string): boolean => /^\d+$/.test(field);

/** Crons that fire more often than once a day. */
function withinDay(minute: string, hour: string): string | undefined {
  if (hour !== '*') return undefined;
  if (minute === '*') return 'every minute';
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (step) return Number(step) === 1 ? 'every minute' : `every ${Number(step)} minutes`;
  return isNumber(minute) ? `every hour at :${minute.padStart(2, '0')}` : undefined;
}

function atTime(
  minute: string,
  hour: string,
  day: string,
  month: string,
  weekday: string,
): string | undefined {
  const hours = hour.split(',');
  if (!isNumber(minute) || !hours.every(isNumber)) return undefined;
  const which = dayWords(day, month, weekday);
  return (
    which &&
    `${which} at ${join(hours.map((value) => `${Number(value)}:${minute.padStart(2, '0')}`))}`
  );
}

function dayWords(day: string, month: string, weekday: string): string | undefined {
  if (isAny(day) && isAny(month)) return weekdayWords(weekday);
  if (!isAny(weekday) || !isNumber(day)) return undefined;
  if (isAny(month)) return `on day ${Number(day)} of every month`;
  const name = months[Number(month) - 1];
  return isNumber(month) && name ? `every year on ${Number(day)} ${name}` : undefined;
}

function weekdayWords(weekday: string): string | undefined {
  if (isAny(weekday)) return 'every day';
  if (/^(1-5|mon-fri)$/i.test(weekday)) return 'every weekday';
  // Sunday is 0 or 7.
  const names = weekday
    .split(',')
    .map((entry) =>
      isNumber(entry)
        ? days[Number(entry) % 7]
        : days.find((name) => name.slice(0, 3).toLowerCase() === entry.toLowerCase()),
    );
  return names.every((name) => name !== undefined) ? `every ${join(names)}` : undefined;
}

/** Formats `a, b and c`. */
function join(parts: string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
