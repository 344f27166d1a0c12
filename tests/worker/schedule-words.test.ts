import { expect, test } from 'vitest';
import { formatMoment, isTimeZone, parseMoment } from '../../shared/runtime/time-zone.ts';
import { cronWords } from '../../worker/schedules/describe-cron.ts';
import { readScheduleRequest } from '../../worker/schedules/request.ts';
import { scheduleLine, tickText } from '../../worker/schedules/describe.ts';

const conversation = '+15551230001';

test.each([
  ['0 9 * * 1-5', 'every weekday at 9:00'],
  ['0 9 * * *', 'every day at 9:00'],
  ['30 8 * * mon', 'every Monday at 8:30'],
  ['0 9,17 * * 1,4', 'every Monday and Thursday at 9:00 and 17:00'],
  ['0 9 * * 6,7', 'every Saturday and Sunday at 9:00'],
  ['*/15 * * * *', 'every 15 minutes'],
  ['* * * * *', 'every minute'],
  ['5 * * * *', 'at 5 minutes past the hour'],
  ['0 0 25 12 *', 'on day 25 of the month in December at 0:00'],
  ['30 8 1 * *', 'on day 1 of the month at 8:30'],
  ['*/5 8-18 * * 1-5', 'every 5 minutes, between 8:00 and 18:59, Monday through Friday'],
  ['0 9 * * 1#1', 'on the first Monday of the month at 9:00'],
  ['0 9 1 * 1', 'on day 1 of the month, and on Monday at 9:00'],
  ['0 9 * * *  ', 'every day at 9:00'],
  ['every day', 'at cron times every day'],
])('the cron %s is %s', (cron, words) => {
  expect(cronWords(cron)).toBe(words);
});

test('a time without an offset is read by the person’s clock, also around its changes', () => {
  const at = (text: string, zone: string): string | undefined => {
    const moment = parseMoment(text, zone);
    return moment && new Date(moment.time).toISOString();
  };
  expect(at('2026-01-31T09:00', 'Europe/Berlin')).toBe('2026-01-31T08:00:00.000Z');
  expect(at('2026-07-31 09:00:30', 'America/New_York')).toBe('2026-07-31T13:00:30.000Z');
  expect(at('2026-07-31T09:00:00Z', 'America/New_York')).toBe('2026-07-31T09:00:00.000Z');
  expect(at('2026-07-31T09:00+05:30', 'America/New_York')).toBe('2026-07-31T03:30:00.000Z');
  expect(at('2026-03-29T02:30', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z');
  expect(at('2026-10-25T02:30', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.000Z');
  expect(
    [
      'tomorrow',
      '2026-02-30T09:00',
      '2026-01-01',
      '2026-01-01T25:00',
      '2026-13-01T09:00',
      '',
    ].filter((wrong) => parseMoment(wrong, 'UTC') !== undefined),
  ).toEqual([]);
  expect(formatMoment(Date.parse('2026-01-05T08:00:00Z'), 'Europe/Berlin')).toBe(
    'Mon 5 Jan 2026, 9:00',
  );
  expect(formatMoment(Date.parse('2026-01-05T00:05:00Z'), 'UTC')).toBe('Mon 5 Jan 2026, 0:05 UTC');
  expect(['Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires'].every(isTimeZone)).toBe(true);
  expect(['Berlin/Europe', '+01:00', '', 'Mars'].some(isTimeZone)).toBe(false);
});

const now = Date.parse('2026-01-05T12:00:00Z');

test.each([
  [{ prompt: ' ', inMinutes: 1 }, /prompt is empty/],
  [{ prompt: 'x'.repeat(4001), inMinutes: 1 }, /4001 characters; 4000/],
  [{ prompt: 'x' }, /exactly one/],
  [{ prompt: 'x', inMinutes: 1, cron: '* * * * *' }, /exactly one/],
  [{ prompt: 'x', cron: '* * * * *' }, /Ask the person.*IANA/],
  [{ prompt: 'x', when: '2026-02-01T09:00' }, /Ask the person.*IANA/],
  [{ prompt: 'x', inMinutes: 1, timezone: 'Mars/Olympus' }, /“Mars\/Olympus” is not a time zone/],
  [{ prompt: 'x', cron: '61 * * * *', timezone: 'UTC' }, /not a cron expression/],
  [{ prompt: 'x', cron: '* * * * * *', timezone: 'UTC' }, /Five fields/],
  [{ prompt: 'x', cron: '@daily', timezone: 'UTC' }, /Five fields/],
  [{ prompt: 'x', cron: '0 0 30 2 *', timezone: 'UTC' }, /never comes|not a cron expression/],
  [{ prompt: 'x', when: 'tomorrow', timezone: 'UTC' }, /ISO 8601/],
  [
    { prompt: 'x', when: '2026-01-05T12:00', timezone: 'UTC' },
    /has passed. It is Mon 5 Jan 2026, 12:00 UTC now/,
  ],
  [{ prompt: 'x', inMinutes: -3 }, /has passed/],
  [{ prompt: 'x', inMinutes: Number.NaN }, /has passed/],
  [{ prompt: 'x', inMinutes: 1e12 }, /more than five years/],
])('a request that cannot be met says why: %j', (request, problem) => {
  const read = readScheduleRequest(request, undefined, now);
  expect('problem' in read ? read.problem : read).toMatch(problem);
});

test('a request says when it comes next', () => {
  expect(readScheduleRequest({ prompt: ' look ', inMinutes: 0.5 }, undefined, now)).toEqual({
    schedule: { prompt: 'look', timezone: 'UTC', at: now + 30_000 },
    next: now + 30_000,
  });
  expect(
    readScheduleRequest({ prompt: 'x', when: '2026-01-05T13:30' }, 'Europe/Berlin', now),
  ).toMatchObject({
    schedule: { timezone: 'Europe/Berlin' },
    next: Date.parse('2026-01-05T12:30:00Z'),
  });
  expect(
    readScheduleRequest({ prompt: 'x', when: '2026-01-05T13:30Z' }, undefined, now),
  ).toMatchObject({ next: Date.parse('2026-01-05T13:30:00Z') });
  const cron = readScheduleRequest({ prompt: 'x', cron: ' 0 9 * * 1-5 ' }, 'America/New_York', now);
  expect(cron).toEqual({
    schedule: { prompt: 'x', timezone: 'America/New_York', cron: '0 9 * * 1-5' },
    next: Date.parse('2026-01-05T14:00:00Z'),
  });
});

test('what is due says so, and what is late says that it is', () => {
  const schedule = {
    conversation,
    number: 3,
    prompt: 'look at the deploy log',
    timezone: 'Europe/Berlin',
    cron: '0 9 * * 1-5',
  };
  const due = Date.parse('2026-01-05T08:00:00Z');
  expect(tickText(schedule, due, due + 119_000)).toBe(
    '[Scheduled: every weekday at 9:00]\nlook at the deploy log',
  );
  expect(tickText(schedule, due, due + 121_000)).toBe(
    '[Scheduled: every weekday at 9:00. This was due on Mon 5 Jan 2026, 9:00; the computer was asleep or away. Tell the person that it is late.]\nlook at the deploy log',
  );
  expect(scheduleLine({ ...schedule, next: due })).toBe(
    '3. every weekday at 9:00: look at the deploy log (next: Mon 5 Jan 2026, 9:00)',
  );
  const long = scheduleLine({
    conversation,
    number: 1,
    prompt: 'word '.repeat(100),
    timezone: 'UTC',
    at: due,
    next: due,
  });
  expect(long).toMatch(/^1\. once, Mon 5 Jan 2026, 8:00 UTC: word .*…$/);
  expect(long.length).toBeLessThan(150);
});
