import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createScheduleRuns } from '../../shared/store/schedule-runs.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const day = '2026-01-31';

test('a day has so many runs of a kind, one that is worked twice counts once, and the count goes by itself', async () => {
  await withRedis(async (redis) => {
    const runs = createScheduleRuns(redis);
    const admit = (tick: string, kind: 'repeating' | 'once' = 'repeating'): Promise<boolean> =>
      runs.admit(conversation, day, kind, tick, 2);
    expect([
      await admit('1'),
      await admit('1'),
      await admit('2'),
      await admit('3'),
      await admit('1'),
    ]).toEqual([true, true, true, false, true]);
    expect(await admit('3', 'once')).toBe(true);
    expect(await redis.ttl(keys.scheduleRuns(conversation, day, 'repeating'))).toBe(3 * 24 * 3600);
  });
});

test('the runs of a day are counted by person, over both of their conversations', async () => {
  await withRedis(async (redis) => {
    const [runs, people] = [createScheduleRuns(redis), createPeopleStore(redis)];
    await people.idOf(conversation);
    await people.idOf('US.1');
    await proveAddresses(redis, conversation, 'US.1');
    const admit = (who: string, tick: string): Promise<boolean> =>
      runs.admit(who, day, 'once', tick, 2);
    expect(await admit(conversation, '1')).toBe(true);
    expect(await admit('US.1', '2')).toBe(true);
    expect(await admit('US.1', '3')).toBe(false);
    expect(await admit('+15551230002', '4')).toBe(true);
  });
});

test('a person is asked once, and what they have chosen stays', async () => {
  await withRedis(async (redis) => {
    const runs = createScheduleRuns(redis);
    expect(await runs.choice(conversation, 1)).toBeUndefined();
    await runs.noteAsked(conversation, 1);
    expect(await runs.choice(conversation, 1)).toBe('asked');
    await redis.hset(keys.scheduleChoices(conversation), '1', 'kept');
    await runs.noteAsked(conversation, 1);
    expect(await runs.choice(conversation, 1)).toBe('kept');
  });
});
