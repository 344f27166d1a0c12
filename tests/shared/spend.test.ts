import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf, total } from '../../shared/store/money/spend.ts';
import { withRedis } from '../support/redis.ts';

const me = '+15551230001';
const other = '+15551230002';
const usage = { inputTokens: 100, outputTokens: 20, costUsd: 0.1234567 };
const entry = { conversation: me, answer: 'a1', day: '2026-01-31', usage };

test('an answer is counted once, however often and from wherever it is told', async () => {
  await withRedis(async (redis) => {
    const second = redis.duplicate();
    const spends = [createSpend(redis), createSpend(second)];
    const added = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        spends[index % 2]?.record({ ...entry, answer: `a${index % 4}` }),
      ),
    );
    second.disconnect();
    expect(added.filter(Boolean)).toHaveLength(4);
    const { today, month } = await createSpend(redis).read('2026-01-31');
    expect(today).toEqual(
      new Map([[me, { costUsd: 0.493828, inputTokens: 400, outputTokens: 80, answers: 4 }]]),
    );
    expect(month).toEqual(today);
  });
});

test('days and months are counted apart, and each conversation by itself', async () => {
  await withRedis(async (redis) => {
    const spend = createSpend(redis);
    await spend.record(entry);
    await spend.record({
      ...entry,
      answer: 'a2',
      day: '2026-02-01',
      usage: { ...usage, costUsd: 1 },
    });
    await spend.record({
      ...entry,
      answer: 'a3',
      day: '2026-02-01',
      conversation: other,
      usage: { ...usage, costUsd: 2.5 },
    });
    // After midnight the same answer is still the same.
    expect(await spend.record({ ...entry, day: '2026-02-01' })).toBe(false);
    const { today, month } = await spend.read('2026-02-03');
    expect(today.size).toBe(0);
    expect([...month].map(([who, spent]) => [who, spent.costUsd]).toSorted()).toEqual([
      [me, 1],
      [other, 2.5],
    ]);
    expect(total(month)).toEqual({ costUsd: 3.5, inputTokens: 200, outputTokens: 40, answers: 2 });
    expect(await spend.today('2026-02-01')).toBe(3.5);
    expect(await spend.today('2026-02-01', other)).toBe(2.5);
    expect(await spend.today('2026-02-02', other)).toBe(0);
    expect(
      (await spend.days('2026-02-02', 4)).map(({ day, costUsd, answers }) => [
        day,
        costUsd,
        answers,
      ]),
    ).toEqual([
      ['2026-01-30', 0, 0],
      ['2026-01-31', 0.123457, 1],
      ['2026-02-01', 3.5, 2],
      ['2026-02-02', 0, 0],
    ]);
  });
});

test('the sums of all are kept beside those of each, and counted anew where an earlier version has written', async () => {
  await withRedis(async (redis) => {
    const spend = createSpend(redis);
    const { day } = entry;
    const times = [day, day.slice(0, 7)];
    const sumOf = async (): Promise<unknown> =>
      (await spend.totals(times)).map(({ spent, use }) => [spent.costUsd, use.unsettledUsd]);
    // Of an earlier version: nothing beside them.
    for (const time of times) await redis.hset(keys.spend(time), `usd:${other}`, 1_000_000);
    expect(await sumOf()).toEqual([
      [1, 0],
      [1, 0],
    ]);
    await spend.record({ ...entry, usage: { ...usage, costUsd: 2 } });
    expect((await spend.month('2026-01')).usd).toBe(3);
    await spend.recount(Date.parse(`${day}T12:00:00Z`));
    expect(await redis.hget(keys.spendTotal(day), 'usd')).toBe('3000000');
    await spend.record({ ...entry, answer: 'a2', usage: { ...usage, costUsd: 4 } });
    for (const time of times) await redis.hset(keys.spend(time), `held:${other}`, 500_000);
    // Not looked at, until it is counted anew.
    expect(await sumOf()).toEqual([
      [7, 0],
      [7, 0],
    ]);
    await spend.recount(Date.parse(`${day}T12:00:00Z`));
    expect(await sumOf()).toEqual([
      [7, 0.5],
      [7, 0.5],
    ]);
    expect(await spend.days(day, 2)).toMatchObject([{ costUsd: 0 }, { day, costUsd: 7 }]);
    expect(await spend.today(day)).toBe(7);
    expect(await spend.costs(day, [other, 'US.1', me])).toEqual([1, 0, 6]);
    expect(await spend.costs(day, [])).toEqual([]);
    expect(await redis.ttl(keys.spendTotal(day))).toBeGreaterThan(399 * 24 * 3600);
    // A new day begins with both.
    await spend.record({ ...entry, answer: 'a3', day: '2026-03-01' });
    expect(await redis.hget(keys.spendTotal('2026-03-01'), 'whole')).toBe('1');
  });
});

test('an answer without a price leaves its id to whoever knows the price', async () => {
  await withRedis(async (redis) => {
    const spend = createSpend(redis);
    expect(
      await spend.record({ ...entry, usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 } }),
    ).toBe(false);
    expect(await spend.record(entry)).toBe(true);
    expect(await spend.today(entry.day)).toBe(0.123457);
  });
});

test('an answer whose requests were booked one by one is counted, and its price is not', async () => {
  await withRedis(async (redis) => {
    const spend = createSpend(redis);
    expect(await spend.record({ ...entry, usage: { ...usage, isBooked: true } })).toBe(true);
    expect((await spend.read(entry.day)).today.get(me)).toEqual({
      costUsd: 0,
      inputTokens: 0,
      outputTokens: 0,
      answers: 1,
    });
  });
});

test('sums are kept for 400 days, and whole numbers in Redis', async () => {
  await withRedis(async (redis) => {
    await createSpend(redis).record(entry);
    expect(await redis.hgetall(keys.spend('2026-01-31'))).toEqual({
      [`usd:${me}`]: '123457',
      [`in:${me}`]: '100',
      [`out:${me}`]: '20',
      [`answers:${me}`]: '1',
    });
    for (const time of ['2026-01-31', '2026-01'])
      expect(Math.round((await redis.ttl(keys.spend(time))) / 86_400)).toBe(400);
    expect(Math.round((await redis.ttl(keys.spendAnswer('a1'))) / 86_400)).toBe(30);
  });
});

test('a day is the one that the person’s calendar shows', () => {
  const evening = Date.parse('2026-01-31T23:30:00Z');
  expect(dayOf(evening)).toBe('2026-01-31');
  expect(dayOf(evening, 'Europe/Berlin')).toBe('2026-02-01');
  expect(dayOf(evening, 'America/New_York')).toBe('2026-01-31');
});
