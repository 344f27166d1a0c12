import { createRequire } from 'node:module';
import type * as cronstrue from 'cronstrue';

const require = createRequire(import.meta.url);

/** Times of day as cronstrue lists them, before the days on which they are meant. */
const timesAndDays = /^At (\d\d?:\d\d(?:(?:, and | and |, )\d\d?:\d\d)*)(?:, (.*))?$/;

/**
 * Describes when a cron of five fields fires, such as "every weekday at 9:00". A cron that cannot
 * be described is shown as it is.
 */
export function cronWords(cron: string): string {
  // Loaded with the first schedule: most turns have none.
  const { toString } = require('cronstrue') as typeof cronstrue;
  try {
    const words = toString(cron, { use24HourTimeFormat: true, trimHoursLeadingZero: true });
    const [, times, days] = timesAndDays.exec(words) ?? [];
    if (times !== undefined) return `${shorten(days)} at ${times}`;
    return words.replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  } catch {
    return `at cron times ${cron.trim()}`;
  }
}

/** The days in fewer words. */
function shorten(days = 'every day'): string {
  return days
    .replace(/^Monday through Friday$/, 'every weekday')
    .replace(/^only on /, 'every ')
    .replace(/^(on day .*), only in /, '$1 in ');
}
