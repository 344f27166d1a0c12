import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import { createAllowed } from '../../shared/store/allowed.ts';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import { createScheduleRuns } from '../../shared/store/schedule-runs.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { Schedule } from '../../shared/store/schedules.ts';
import { createTickProcessor } from '../../worker/schedules/processor.ts';
import type { TickDeps, TickStores } from '../../worker/schedules/processor.ts';
import { withRedis } from '../support/redis.ts';

const removed = '+15551230002';
const fence = { lock: 'a lock', token: 'mine' };

test('a schedule of a person who may not write any more does not run: all of theirs are set aside, and nothing is said to them', async () => {
  await withRedis(async (redis) => {
    const [turns, deliveries, schedules] = [
      createTurns(redis),
      createDeliveries(redis),
      createSchedules(redis),
    ];
    await redis.set(fence.lock, fence.token);
    const told: string[] = [];
    const stores: TickStores = {
      allowed: createAllowed(redis),
      schedules,
      runs: createScheduleRuns(redis),
      outbox: createOutbox(redis, deliveries),
      dead: createDeadLetters(redis),
    };
    const parts: TickDeps = {
      accept: createIntake(turns),
      onSetAside: async (conversation) => void told.push(conversation),
      // The day's runs are used up, which would want a word.
      limits: { minutesApart: 15, runsPerDay: 0 },
      log: createLog('test', 'silent'),
      now: Date.now,
    };
    const jobOf = (schedule: Schedule): Job =>
      ({ id: `repeat:x:${Date.now()}`, data: schedule }) as Job;
    const daily = await schedules.add(
      { conversation: removed, prompt: 'look', timezone: 'UTC', cron: '0 9 * * *' },
      fence,
    );
    await schedules.add(
      { conversation: removed, prompt: 'later', timezone: 'UTC', at: Date.now() + 3600_000 },
      fence,
    );
    const once: Schedule = {
      conversation: removed,
      number: 3,
      prompt: 'now',
      timezone: 'UTC',
      at: Date.now(),
    };
    await redis.hset(keys.allowed, {
      list: 'written by a test',
      '+15551230001': 'allowed since the beginning, by a test',
    });

    expect(await createTickProcessor(stores, parts)(jobOf(once))).toEqual({ turn: '' });
    expect([
      told,
      await schedules.list(removed),
      (await redis.hkeys(keys.setAsideSchedules(removed))).toSorted(),
    ]).toEqual([[removed], [], ['1', '2', '3']]);
    expect(
      await redis.exists(keys.inbox(removed), keys.outbox(removed), keys.waitingJobs('turns')),
    ).toBe(0);

    // Taken out between the look and the step that would accept the message.
    const late = createTickProcessor(
      { ...stores, allowed: { has: async () => true } },
      { ...parts, limits: { minutesApart: 15, runsPerDay: 10 } },
    );
    expect(await late(jobOf(daily))).toEqual({ turn: '' });
    expect([told.length, await redis.exists(keys.inbox(removed), keys.outbox(removed))]).toEqual([
      2, 0,
    ]);
    await Promise.all([turns.close(), deliveries.close(), schedules.close()]);
  });
});

test('of a person who may write again, what ran runs again and what was paused stays paused', async () => {
  await withRedis(async (redis) => {
    const schedules = createSchedules(redis);
    await redis.set(fence.lock, fence.token);
    const add = async (prompt: string) =>
      await schedules.add(
        { conversation: removed, prompt, timezone: 'UTC', cron: '0 9 * * *' },
        fence,
      );
    const [runs, paused] = [await add('look'), await add('rest')];
    await schedules.pause(paused);
    expect(await schedules.setAside(removed)).toBe(2);
    expect(await schedules.list(removed)).toEqual([]);
    expect(await schedules.requeue(removed)).toBe(2);
    expect(
      (await schedules.list(removed)).map(({ number, paused: isPaused }) => [
        number,
        isPaused ?? false,
      ]),
    ).toEqual([
      [runs.number, false],
      [paused.number, true],
    ]);
    expect(await schedules.queue.getJobSchedulersCount()).toBe(1);
    await schedules.close();
  });
});
