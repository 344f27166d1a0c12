import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { createTurns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/**
 * Little more than a second, and a window in which to fall asleep (ms) on a machine of the usual
 * speed.
 */
const idle = { IDLE_MINUTES: '0.02' };
const idleMs = 1200;
const windowMs = scaled(5000);

const now = 1_800_000_000_000;
const soon = now + 60_000;

/** BullMQ's score of a delayed job: its time in the upper bits. */
const score = (due: number): number => due * 0x1000;

/** One Redis for every decision. */
const own = Promise.withResolvers<Redis>();
const over = Promise.withResolvers<void>();
let closed: Promise<void> = Promise.resolve();
beforeAll(() => {
  closed = withRedis(async (redis) => {
    own.resolve(redis);
    await over.promise;
  });
  closed.catch(own.reject);
});
afterAll(async () => {
  over.resolve();
  await closed;
});

/** It, with nothing in it. */
async function emptied(): Promise<Redis> {
  const redis = await own.promise;
  await redis.flushall();
  return redis;
}

test.each<[string, (redis: Redis) => Promise<unknown>, boolean]>([
  ['nothing', async () => undefined, true],
  ['a waiting job', (redis) => redis.lpush(`${prefix}:turns:wait`, 'x'), false],
  ['an active job', (redis) => redis.lpush(`${prefix}:deliveries:active`, 'x'), false],
  ['a prioritised job', (redis) => redis.zadd(`${prefix}:turns:prioritized`, 1, 'x'), false],
  [
    'a job that is due soon',
    (redis) => redis.zadd(`${prefix}:schedules:delayed`, score(soon), 'x'),
    false,
  ],
  [
    'a job that is due later',
    (redis) => redis.zadd(`${prefix}:schedules:delayed`, score(soon + 1), 'x'),
    true,
  ],
  [
    'an unsent reply',
    (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.outbox(phone), 'x').exec(),
    false,
  ],
  [
    'a message without a turn',
    (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.inbox(phone), '{}').exec(),
    false,
  ],
  [
    'a message whose turn is put off',
    (redis) =>
      redis
        .multi()
        .sadd(keys.conversations, phone)
        .rpush(keys.inbox(phone), '{}')
        .set(keys.deduplication('turns', phone), 'x')
        .exec(),
    true,
  ],
  [
    'a parked reply',
    (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.parked(phone), 'x').exec(),
    true,
  ],
])('with %s the decision is one step', async (_what, prepare, isAsleep) => {
  const redis = await emptied();
  await redis.set(keys.heartbeat, 'vm#1', 'PX', 60_000);
  await prepare(redis);
  const vm = createVmState(redis);
  expect(await vm.fallAsleep('vm', now, 60_000)).toBe(isAsleep);
  expect(await redis.exists(keys.heartbeat)).toBe(isAsleep ? 0 : 1);
  expect(await redis.hget(keys.vm, 'state')).toBe(isAsleep ? 'asleep' : null);
});

test('the decision tells when the next job is due, and what is due is work', async () => {
  const redis = await emptied();
  await redis.zadd(`${prefix}:turns:delayed`, score(soon + 1), 'x');
  await redis.zadd(`${prefix}:schedules:delayed`, score(soon + 5), 'x');
  const vm = createVmState(redis);
  expect(await vm.fallAsleep('vm', now, 60_000)).toBe(true);
  expect(await redis.hget(keys.vm, 'nextDue')).toBe(String(soon + 1));
  expect(await vm.need(now)).toEqual({ work: false, heartbeatMs: 0, nextDue: soon + 1 });
  expect(await vm.need(soon + 1)).toMatchObject({ work: true });
});

/** A worker that may fall asleep at any time. */
type Alive = { lives(): boolean; stop(): Promise<void> };

type Sleeping = {
  answer?: () => Promise<string>;
  /** Comes when it is asleep, before it ends. */
  onAsleep?: () => Promise<void>;
};

/**
 * Runs `use` with a worker that falls asleep soon; gives how long it was awake after `use` had
 * settled (ms).
 */
async function untilAsleep(
  pipeline: Pipeline,
  use: (bench: Alive) => Promise<void>,
  { answer, onAsleep }: Sleeping = {},
): Promise<{ ms: number }> {
  const asleep = Promise.withResolvers<void>();
  let lives = true;
  const worker = await pipeline.startWorker({
    environment: { ...idle, STOP_SECONDS: '1' },
    ...(answer ? { answer } : {}),
    onAsleep: () => void ((lives = false), asleep.resolve()),
  });
  try {
    await use({ lives: () => lives, stop: () => worker.stop().then(asleep.resolve) });
    const start = Date.now();
    await asleep.promise;
    const ms = Date.now() - start;
    await onAsleep?.();
    return { ms };
  } finally {
    await worker.stop();
  }
}

/** Waits until a worker that has nothing to do would have gone. */
async function outstay({ lives }: Pick<Alive, 'lives'>): Promise<void> {
  const start = Date.now();
  await until(
    'the idle time is over',
    () => Date.now() > start + idleMs + windowMs - 1000 || !lives(),
    idleMs + 2 * windowMs,
  );
  expect(lives()).toBe(true);
}

// Each waits for seconds, so they do it together.
describe.concurrent('a worker', () => {
  test('a worker without work ends itself with 0, within five seconds of its idle time', async () => {
    await withPipeline({}, async (pipeline) => {
      // Before it starts: on a busy machine its idle time could be over before a message comes.
      await pipeline.say('hello');
      const worker = await startWorkerProcess(pipeline, idle);
      await until('the answer', () => pipeline.replies().length === 1);
      const start = Date.now();
      const { code } = await worker.exited;
      const ms = Date.now() - start;
      expect(code).toBe(0);
      expect(ms).toBeGreaterThan(idleMs - 500);
      expect(ms).toBeLessThan(idleMs + windowMs);
      expect(await readFile(worker.logFile, 'utf8')).toContain('falling asleep');
      expect(await pipeline.redis.hget(keys.vm, 'state')).toBe('asleep');
      expect(await pipeline.redis.exists(keys.heartbeat, keys.lease('vm'))).toBe(0);
    });
  });

  test('a worker with a turn at work stays', async () => {
    await withPipeline({}, async (pipeline) => {
      // Before it starts, as everything here that is to keep it awake.
      await pipeline.say('hang on');
      await untilAsleep(
        pipeline,
        async (bench) => {
          await outstay(bench);
          expect(await pipeline.redis.llen(keys.active('turns'))).toBe(1);
          await bench.stop();
        },
        { answer: async () => await new Promise<string>(() => undefined) },
      );
    });
  });

  test(
    'a worker with an unsent reply stays, and goes when it is sent; a parked one does not keep it',
    { tags: 'long' },
    async () => {
      await withPipeline({}, async (pipeline) => {
        const { twin, say, redis } = pipeline;
        twin.faults.set('create-500-before');
        await say('hello');
        const { ms } = await untilAsleep(pipeline, async (bench) => {
          await until(
            'a reply that waits',
            async () => (await redis.llen(keys.outbox(phone))) === 1,
          );
          await outstay(bench);
          twin.faults.clear('create-500-before');
          await until('it is sent', async () => (await redis.llen(keys.outbox(phone))) === 0);
        });
        expect(ms).toBeLessThan(idleMs + windowMs);

        twin.faults.set('late-failure', { code: 63_016 });
        await say('are you there');
        const parked = await untilAsleep(pipeline, async () => {
          await until('it is parked', async () => (await redis.llen(keys.parked(phone))) === 1);
        });
        expect(parked.ms).toBeLessThan(idleMs + windowMs);
        expect(await redis.llen(keys.parked(phone))).toBe(1);
      });
    },
  );

  test('a worker stays for a schedule that is due soon, and not for one that is due later', async () => {
    await withPipeline({}, async (pipeline) => {
      const { redis, replies } = pipeline;
      const schedules = createSchedules(redis);
      try {
        await redis.set('a lock', 'a token');
        const fence = { lock: 'a lock', token: 'a token' };
        const own = { conversation: phone, timezone: 'UTC' };
        await schedules.add({ ...own, prompt: 'much later', at: Date.now() + 600_000 }, fence);
        const { ms } = await untilAsleep(pipeline, async ({ lives }) => {
          await schedules.add({ ...own, prompt: 'soon', at: Date.now() + idleMs + 500 }, fence);
          await until('it has come', () => replies().length > 0 || !lives());
          expect(lives()).toBe(true);
        });
        expect(replies()).toHaveLength(1);
        expect(ms).toBeLessThan(idleMs + windowMs);
      } finally {
        await schedules.close();
      }
    });
  });

  test('a worker without IDLE_MINUTES stays', { tags: 'long' }, async () => {
    await withPipeline({}, async (pipeline) => {
      let lives = true;
      await pipeline.startWorker({ onAsleep: () => void (lives = false) });
      await outstay({ lives: () => lives });
      expect(await pipeline.redis.exists(keys.heartbeat)).toBe(1);
    });
  });

  test('a message that is accepted while the worker is on its way out is answered by the next boot', async () => {
    await withPipeline({}, async (pipeline) => {
      const { redis, replies } = pipeline;
      const turns = createTurns(redis);
      try {
        const accept = createIntake(turns);
        const at = new Date().toISOString();
        await untilAsleep(pipeline, async () => undefined, {
          async onAsleep() {
            expect(await redis.hget(keys.vm, 'state')).toBe('asleep');
            await accept({
              id: newSid(),
              conversation: phone,
              at,
              text: 'just in time',
              media: [],
            });
          },
        });
        expect(replies()).toEqual([]);
        await pipeline.startWorker();
        await until('the answer', () => replies().length > 0);
        expect(replies().map((reply) => reply.text)).toEqual(['answer to just in time']);
      } finally {
        await turns.close();
      }
    });
  });
});
