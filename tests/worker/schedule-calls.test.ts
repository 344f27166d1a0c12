import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { ScheduleTools } from '../../worker/agent/agent.ts';
import { createScheduleTools } from '../../worker/schedules/tools.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';

test('a call that is made again plans nothing twice, and neither does a turn that goes on after a crash', async () => {
  await withRedis(async (redis) => {
    const [deliveries, schedules] = [createDeliveries(redis), createSchedules(redis)];
    await redis.set('a lock', 'a token');
    let ahead = 0;
    const toolsOf = (run: number, turn = 'turn'): ScheduleTools =>
      createScheduleTools(
        {
          schedules,
          conversations: createConversations(redis),
          outbox: createOutbox(redis, deliveries),
        },
        { turn, run, conversation: phone, fence: { lock: 'a lock', token: 'a token' } },
        { limits: { minutesApart: 15, runsPerDay: 97 }, hasTemplate: false },
        () => Date.now() + ahead,
      );
    const plan = async (
      run: number,
      callId: string,
      prompt = 'water the plants',
      turn = 'turn',
    ): Promise<string> => {
      // Each later, so that nothing is the same by its time.
      ahead += 60_000;
      return (await toolsOf(run, turn).scheduleTurn({ prompt, inMinutes: 60, callId })).slice(
        0,
        22,
      );
    };
    try {
      expect(await plan(1, 'call-1')).toBe('Scheduled as number 1:');
      const [{ at } = {}] = await schedules.list(phone);
      expect(await plan(1, 'call-1')).toBe('Scheduled as number 1:');
      // After a crash the call has another id.
      expect(await plan(2, 'call-2')).toBe('Scheduled as number 1:');
      expect(
        (await schedules.list(phone)).map((schedule) => [schedule.number, schedule.at]),
      ).toEqual([[1, at]]);
      // Asked for twice in one run, or in another turn, it is wanted twice.
      expect(await plan(2, 'call-3')).toBe('Scheduled as number 2:');
      expect(await plan(1, 'call-4', 'water the plants', 'another')).toBe('Scheduled as number 3:');
      expect(await plan(3, 'call-5', 'something else')).toBe('Scheduled as number 4:');
      expect(await redis.ttl('{sidepocket}:schedule-calls:turn')).toBeGreaterThan(7 * 24 * 3600);
    } finally {
      await Promise.all([deliveries.close(), schedules.close()]);
    }
  });
});

test('repeating schedules are counted by person, over both of their conversations', async () => {
  await withRedis(async (redis) => {
    const [deliveries, schedules] = [createDeliveries(redis), createSchedules(redis)];
    const people = createPeopleStore(redis);
    await redis.set('a lock', 'a token');
    for (const address of [phone, 'US.1']) await people.idOf(address);
    await proveAddresses(redis, phone, 'US.1');
    const plan = async (conversation: string, cron: string): Promise<string> =>
      await createScheduleTools(
        {
          schedules,
          conversations: createConversations(redis),
          outbox: createOutbox(redis, deliveries),
        },
        { turn: 'turn', run: 1, conversation, fence: { lock: 'a lock', token: 'a token' } },
        { limits: { minutesApart: 15, runsPerDay: 25 }, hasTemplate: false },
        Date.now,
      ).scheduleTurn({ prompt: 'look', cron, timezone: 'UTC' });
    try {
      expect(await plan('US.1', '0 * * * *')).toContain('Scheduled as number 1');
      expect(await plan(otherPhone, '5 * * * *')).toContain('Scheduled as number 1');
      expect(await plan(phone, '10 0,12 * * *')).toContain('up to 26 times a day');
      expect(await plan(phone, '10 0 * * *')).toContain('Scheduled as number 1');
    } finally {
      await Promise.all([deliveries.close(), schedules.close()]);
    }
  });
});
