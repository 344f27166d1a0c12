import { expect, test } from 'vitest';
import { cronGapMs, cronRunsPerDay } from '../../worker/schedules/cron-gap.ts';
import { isTooDense, judgeRepeating } from '../../worker/schedules/limits.ts';

const now = Date.parse('2026-06-01T12:00:00Z');
const limits = { minutesApart: 15, runsPerDay: 100 };

/** A cron, its zone, and the smallest gap in minutes, worked out by hand. */
const gaps: [cron: string, zone: string, minutes: number][] = [
  ['* * * * *', 'UTC', 1],
  ['0,1 * * * *', 'UTC', 1],
  ['* * 1 1 *', 'UTC', 1],
  ['*/15 * * * *', 'Europe/Berlin', 15],
  ['*/14 * * * *', 'UTC', 4],
  ['7,53 * * * *', 'UTC', 14],
  ['0 9 * * 1-5', 'Europe/Berlin', 24 * 60],
  ['0,59 0,23 * * *', 'UTC', 1],
  ['58,2 * * * *', 'UTC', 4],
  // Midnight lies between two days that both fire, or not.
  ['0,50 0,23 * * *', 'UTC', 10],
  ['0,50 0,23 1,3 * *', 'UTC', 50],
  ['0,50 0,23 1,31 * *', 'UTC', 10],
  ['0,50 0,23 * * 1,3', 'UTC', 50],
  ['0,50 0,23 * * 0,6', 'UTC', 10],
  ['0,50 0,23 29 2 *', 'UTC', 50],
  // 2:50 does not exist on the day that the clocks go forward and comes at 3:50, ten minutes before
  // 4:00.
  ['0,50 2,4 * * *', 'Europe/Berlin', 10],
  ['0,50 2,4 * * *', 'UTC', 50],
  ['0,50 2,4 * * 1-5', 'Europe/Berlin', 50],
  ['0,50 2,4 * * *', 'America/New_York', 10],
  ['0 * * * *', 'Europe/London', 60],
  ['*/30 * * * * *', 'UTC', 0.5],
  ['* * * * * *', 'UTC', 1 / 60],
];

test.each(gaps)('the smallest gap of %s in %s is %d minutes', (cron, zone, minutes) => {
  expect(cronGapMs(cron, zone, now) / 60_000).toBeCloseTo(minutes, 5);
});

test('the runs of a day are counted at the most', () => {
  expect(
    ['* * * * *', '*/15 * * * *', '0 9 * * 1-5', '0,1 8-17 * * *', '0 0 1 1 *'].map(cronRunsPerDay),
  ).toEqual([1440, 96, 1, 20, 1]);
});

test('what is too close or too much together is refused in words, anything else is not', () => {
  const judge = (cron: string, present: string[] = []): string | undefined =>
    judgeRepeating(
      { cron, timezone: 'UTC' },
      present.map((other, number) => ({
        conversation: '+15551230001',
        number,
        prompt: 'x',
        timezone: 'UTC',
        cron: other,
      })),
      limits,
      now,
    );
  expect(judge('*/15 * * * *')).toBeUndefined();
  expect(judge('0,1 * * * *')).toMatch(
    /at least 15 minutes apart, and “0,1 \* \* \* \*” comes twice within 1 minute/,
  );
  expect(
    judge('*/15 * * * *', ['0 9 * * *', '0 10 * * *', '0 11 * * *', '0 12 * * *']),
  ).toBeUndefined();
  expect(judge('*/15 * * * *', ['0 9,10,11,12,13 * * *'])).toMatch(
    /up to 101 times a day, and 100 are the most/,
  );
  expect(judge('0 9 * * *', ['not a cron'])).toBeUndefined();
  expect(isTooDense({ timezone: 'UTC' }, limits, now)).toBe(false);
  expect(isTooDense({ cron: 'not a cron', timezone: 'UTC' }, limits, now)).toBe(false);
});
