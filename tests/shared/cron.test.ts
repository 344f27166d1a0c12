import { expect, test, vi } from 'vitest';
import { nextRun } from '../../shared/runtime/cron.ts';
import { clockTime } from '../../shared/runtime/time-zone.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSchedules, repeatStrategy, tickId } from '../../shared/store/schedules.ts';
import { createQueueWorker } from '../../worker/process/queue-worker.ts';
import { createRunningJobs } from '../../worker/process/running-jobs.ts';
import { withRedis } from '../support/redis.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const [from, to] = [Date.parse('2027-01-01T00:00Z'), Date.parse('2028-01-01T00:00Z')];

type Change = { zone: string; at: number; byMs: number };

/** The moments of 2027 at which a zone's clocks change, to the minute, and by how much. */
function changesOf(zone: string): Change[] {
  const offset = (ms: number): number => clockTime(ms, zone) - ms;
  const found: Change[] = [];
  for (let week = from; week < to; week += 7 * dayMs) {
    let [before, after] = [week, week + 7 * dayMs];
    const [old, next] = [offset(before), offset(after)];
    if (old === next) continue;
    while (after - before > minuteMs) {
      const middle = before + Math.floor((after - before) / 2 / minuteMs) * minuteMs;
      if (offset(middle) === old) before = middle;
      else after = middle;
    }
    found.push({ zone, at: after, byMs: next - old });
  }
  return found;
}

/** One zone for each kind of change: the time of day at which it comes, and how far it goes. */
const changes = [
  ...new Map(
    Intl.supportedValuesOf('timeZone')
      .flatMap(changesOf)
      .map((change) => [
        `${(clockTime(change.at - minuteMs, change.zone) % dayMs) / minuteMs} ${change.byMs}`,
        change,
      ]),
  ).values(),
];

const clock = (ms: number, zone: string): string =>
  new Date(clockTime(ms, zone)).toISOString().slice(0, 16);

test('a daily schedule comes once on every day, at whatever minute, also where clocks change', () => {
  expect(changes.length).toBeGreaterThan(15);
  for (const { zone, at, byMs } of changes) {
    const around = clockTime(at - minuteMs, zone) + minuteMs;
    const width = Math.abs(byMs) / minuteMs + 30;
    for (let offset = -width; offset <= width; offset += offset % 30 === 0 ? 1 : 29) {
      const time = new Date(around + offset * minuteMs);
      const cron = `${time.getUTCMinutes()} ${time.getUTCHours()} * * *`;
      let run = at - 3 * dayMs;
      const runs = Array.from({ length: 6 }, () => (run = nextRun(cron, zone, run) ?? NaN));
      // What was skipped before midnight comes after it, and belongs to the day before.
      const isLate = (ms: number): boolean =>
        clock(ms, zone).slice(11) !== time.toISOString().slice(11, 16);
      const meant = runs.map((ms) => clockTime(ms, zone) - (isLate(ms) ? byMs : 0));
      const days = meant.map((ms) => Math.floor(ms / dayMs) * dayMs);
      const steps = days.slice(1).map((day, index) => day - (days[index] ?? 0));
      expect(
        steps.every((step) => step === dayMs),
        `${cron} in ${zone}: ${runs.map((ms) => clock(ms, zone)).join(', ')}`,
      ).toBe(true);
    }
  }
});

test.each([
  // Midnight does not exist, and cron-parser leaves out the day.
  ['0 0 * * *', 'Africa/Cairo', '2027-04-29T12:00Z', '2027-04-30T01:00'],
  ['30 2 * * *', 'Europe/Berlin', '2027-03-27T12:00Z', '2027-03-28T03:30'],
  // What was skipped is still to come when the clocks have changed already.
  ['30 2 * * *', 'Europe/Berlin', '2027-03-28T01:10Z', '2027-03-28T03:30'],
  ['30 2 * * *', 'Europe/Berlin', '2027-03-28T01:30Z', '2027-03-29T02:30'],
  // Twice 2:30: the first one counts, also between the two.
  ['30 2 * * *', 'Europe/Berlin', '2027-10-31T00:29Z', '2027-10-31T02:30'],
  ['30 2 * * *', 'Europe/Berlin', '2027-10-31T00:30Z', '2027-11-01T02:30'],
  // Half an hour is skipped from 2:00 on: 2:35 comes before what was meant for 2:10.
  ['10,35 2 * * *', 'Australia/Lord_Howe', '2027-10-02T12:00Z', '2027-10-03T02:35'],
  ['10,35 2 * * *', 'Australia/Lord_Howe', '2027-10-02T15:35Z', '2027-10-03T02:40'],
  ['0 0 29 2 *', 'UTC', '2027-03-01T00:00Z', '2028-02-29T00:00'],
])('%s in %s after %s comes at %s', (cron, zone, after, next) => {
  const run = nextRun(cron, zone, Date.parse(after));
  expect(run === undefined ? undefined : clock(run, zone)).toBe(next);
});

test('what is no cron is refused', () => {
  expect(() => nextRun('0 0 30 2 *', 'UTC', from)).toThrow('day of month');
  expect(() => nextRun('every day', 'UTC', from)).toThrow('cannot resolve alias');
});

test('BullMQ asks this function, when a schedule is planned and when it has run', async () => {
  const at = Date.parse('2027-04-29T12:00Z');
  expect(await repeatStrategy(at, { pattern: '0 0 * * *', tz: 'Africa/Cairo' })).toBe(
    nextRun('0 0 * * *', 'Africa/Cairo', at),
  );
  await withRedis(async (redis) => {
    const { queue, close } = createSchedules(redis);
    const worker = createQueueWorker({
      name: 'schedules',
      redis,
      owner: 'vm#1',
      concurrency: 1,
      process: async () => undefined,
      running: createRunningJobs(),
      onLockLost: () => undefined,
      log: createLog('test', 'silent'),
    });
    expect([queue, worker].map(({ opts }) => opts.settings?.repeatStrategy)).toEqual([
      repeatStrategy,
      repeatStrategy,
    ]);
    await Promise.all([worker.close(), close()]);
  });
});

test('what a clock that was ahead has planned too late is planned anew, and nothing else', async () => {
  await withRedis(async (redis) => {
    const schedules = createSchedules(redis);
    const [conversation, timezone, cron] = ['+15551230001', 'Europe/Berlin', '0 9 * * *'];
    const plan = (number: number) =>
      schedules.queue.upsertJobScheduler(
        `15551230001-${number}`,
        { pattern: cron, tz: timezone },
        { name: 'schedule', data: { conversation, number, prompt: 'look', timezone, cron } },
      );
    await plan(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 24 * 3600_000 });
    await Promise.all([plan(2), plan(3)]).finally(() => vi.useRealTimers());
    const nexts = async (): Promise<number[]> =>
      (await schedules.list(conversation)).map(({ next }) => next);
    const [right = 0, late = 0] = await nexts();
    expect(late).toBeGreaterThan(right);
    // One that is cancelled while it looks does not come back.
    const { queue } = schedules;
    const looks = vi.spyOn(queue, 'getJobScheduler').mockImplementationOnce(async (id) => {
      await queue.removeJobScheduler('15551230001-3');
      return await queue.getJobScheduler(id);
    });
    expect(await schedules.planAgain(Date.now())).toBe(1);
    looks.mockRestore();
    expect(await nexts()).toEqual([right, right]);
    expect(await schedules.planAgain(Date.now())).toBe(0);
    expect(await schedules.queue.getDelayedCount()).toBe(2);
    await schedules.close();
  });
});

test('what ran early while a clock was ahead runs again at its time, unless that was less than an hour early', async () => {
  await withRedis(async (redis) => {
    const schedules = createSchedules(redis);
    const [conversation, timezone, cron] = ['+15551230001', 'UTC', '0 9 * * *'];
    const data = { conversation, number: 1, prompt: 'look', timezone, cron };
    const claimOf = (day: number): string =>
      keys.message(tickId(data, Date.parse(`2027-03-0${day}T09:00Z`)));
    /** The clock is ahead, and the runs of these days have come; then it is set back. */
    const setBack = async (to: string, ...days: number[]): Promise<number[]> => {
      vi.setSystemTime(`2027-03-0${days.at(-1)}T12:00Z`);
      await schedules.queue.removeJobScheduler('15551230001-1');
      await schedules.queue.upsertJobScheduler(
        '15551230001-1',
        { pattern: cron, tz: timezone },
        { name: 'schedule', data },
      );
      for (const day of days) await redis.hset(claimOf(day), 'state', 'answered');
      vi.setSystemTime(to);
      expect(await schedules.planAgain(Date.now())).toBe(1);
      const claimed = await Promise.all(days.map((day) => redis.exists(claimOf(day))));
      return days.filter((_, index) => claimed[index] === 1);
    };
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      expect(await setBack('2027-03-01T12:00Z', 1, 2, 3, 4)).toEqual([1]);
      expect(await setBack('2027-03-02T08:30Z', 2, 3)).toEqual([2]);
    } finally {
      vi.useRealTimers();
    }
    await schedules.close();
  });
});
