import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createIntake } from '../../shared/intake.ts';
import { keys, prefix } from '../../shared/keys.ts';
import { createSchedules } from '../../shared/schedules.ts';
import { createTurns } from '../../shared/queues.ts';
import type { Redis } from '../../shared/redis.ts';
import { createVmState } from '../../shared/vm-state.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/** Three seconds, and a window in which to fall asleep (ms) on a machine of the usual speed. */
const idle = { IDLE_MINUTES: '0.05' };
const idleMs = 3000;
const windowMs = scaled(5000);

const now = 1_800_000_000_000;
const soon = now + 60_000;

/** BullMQ's score of a delayed job: its time in the upper bits. */
const score = (due: number): number => due * 0x1000;

test.each<[string, (redis: Redis) => Promise<unknown>, boolean]>([
  ['nothing', async () => undefined, true],
  ['a waiting job', (redis) => redis.lpush(`${prefix}:turns:wait`, 'x'), false],
  ['an active job', (redis) => redis.lpush(`${prefix}:deliveries:active`, 'x'), false],
  ['a prioritised job', (redis) => redis.zadd(`${prefix}:turns:prioritized`, 1, 'x'), false],
  ['a job that is due soon', (redis) => redis.zadd(`${prefix}:schedules:delayed`, score(soon), 'x'), false],
  ['a job that is due later', (redis) => redis.zadd(`${prefix}:schedules:delayed`, score(soon + 1), 'x'), true],
  ['an unsent reply', (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.outbox(phone), 'x').exec(), false],
  ['a message without a turn', (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.inbox(phone), '{}').exec(), false],
  ['a message whose turn is put off', (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.inbox(phone), '{}').set(keys.deduplication('turns', phone), 'x').exec(), true],
  ['a parked reply', (redis) => redis.multi().sadd(keys.conversations, phone).rpush(keys.parked(phone), 'x').exec(), true],
])('with %s the decision is one step', async (_what, prepare, isAsleep) => {
  await withRedis(async (redis) => {
    await redis.set(keys.heartbeat, 'vm#1', 'PX', 60_000);
    await prepare(redis);
    const vm = createVmState(redis);
    expect(await vm.fallAsleep('vm', now, 60_000)).toBe(isAsleep);
    expect(await redis.exists(keys.heartbeat)).toBe(isAsleep ? 0 : 1);
    expect(await redis.hget(keys.vm, 'state')).toBe(isAsleep ? 'asleep' : null);
  });
});

/** A worker process that may end by itself at any time. */
type Alive = { lives(): boolean; stop(): Promise<void> };

test('the decision tells when the next job is due, and what is due is work', async () => {
  await withRedis(async (redis) => {
    await redis.zadd(`${prefix}:turns:delayed`, score(soon + 1), 'x');
    await redis.zadd(`${prefix}:schedules:delayed`, score(soon + 5), 'x');
    const vm = createVmState(redis);
    expect(await vm.fallAsleep('vm', now, 60_000)).toBe(true);
    expect(await redis.hget(keys.vm, 'nextDue')).toBe(String(soon + 1));
    expect(await vm.need(now)).toEqual({ work: false, heartbeatMs: 0, nextDue: soon + 1 });
    expect(await vm.need(soon + 1)).toMatchObject({ work: true });
  });
});

/** Runs `use` with a worker process that falls asleep soon; gives how long it lived after `use` had settled (ms) and how it ended. */
async function untilAsleep(pipeline: Pipeline, use: (bench: Alive) => Promise<void>): Promise<{ ms: number; code: number | null; log: string }> {
  const worker = await startWorkerProcess(pipeline, idle);
  try {
    await use({ ...worker, lives: () => worker.process.exitCode === null && worker.process.signalCode === null });
    const start = Date.now();
    const { code } = await worker.exited;
    return { ms: Date.now() - start, code, log: await readFile(worker.logFile, 'utf8') };
  } finally {
    await worker.stop();
  }
}

/** Waits until a worker that has nothing to do would have gone. */
async function outstay({ lives }: Pick<Alive, 'lives'>): Promise<void> {
  const start = Date.now();
  await until('the idle time is over', () => Date.now() > start + idleMs + windowMs - 1000 || !lives(), idleMs + 2 * windowMs);
  expect(lives()).toBe(true);
}

test('a worker without work ends itself with 0, within five seconds of its idle time', async () => {
  await withPipeline({}, async (pipeline) => {
    const { ms, code, log } = await untilAsleep(pipeline, async () => {
      await pipeline.say('hello');
      await until('the answer', () => pipeline.replies().length === 1);
    });
    expect(code).toBe(0);
    expect(ms).toBeGreaterThan(idleMs - 500);
    expect(ms).toBeLessThan(idleMs + windowMs);
    expect(log).toContain('falling asleep');
    expect(await pipeline.redis.hget(keys.vm, 'state')).toBe('asleep');
    expect(await pipeline.redis.exists(keys.heartbeat, keys.lease('vm'))).toBe(0);
  });
});

test('a worker with a turn at work stays', async () => {
  await withPipeline({}, async (pipeline) => {
    await untilAsleep(pipeline, async (bench) => {
      await pipeline.say('hang on');
      await outstay(bench);
      expect(await pipeline.redis.llen(keys.active('turns'))).toBe(1);
      await bench.stop();
    });
  });
});

test('a worker with an unsent reply stays, and goes when it is sent; a parked one does not keep it', async () => {
  await withPipeline({}, async (pipeline) => {
    const { twin, say, redis } = pipeline;
    const { ms, code } = await untilAsleep(pipeline, async (bench) => {
      twin.faults.set('create-500-before');
      await say('hello');
      await until('a reply that waits', async () => (await redis.llen(keys.outbox(phone))) === 1);
      await outstay(bench);
      twin.faults.clear('create-500-before');
      await until('it is sent', async () => (await redis.llen(keys.outbox(phone))) === 0);
    });
    expect(code).toBe(0);
    expect(ms).toBeLessThan(idleMs + windowMs);

    const parked = await untilAsleep(pipeline, async () => {
      twin.faults.set('late-failure', { code: 63_016 });
      await say('are you there');
      await until('it is parked', async () => (await redis.llen(keys.parked(phone))) === 1);
    });
    expect(parked.code).toBe(0);
    expect(parked.ms).toBeLessThan(idleMs + windowMs);
    expect(await redis.llen(keys.parked(phone))).toBe(1);
  });
});

test('a worker stays for a schedule that is due soon, and not for one that is due later', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, replies } = pipeline;
    const schedules = createSchedules(redis);
    try {
      await redis.set('a lock', 'a token');
      const fence = { lock: 'a lock', token: 'a token' };
      await schedules.add({ conversation: phone, prompt: 'much later', timezone: 'UTC', at: Date.now() + 600_000 }, fence);
      const { ms, code } = await untilAsleep(pipeline, async ({ lives }) => {
        await schedules.add({ conversation: phone, prompt: 'soon', timezone: 'UTC', at: Date.now() + idleMs + 500 }, fence);
        await until('it has come', () => replies().length > 0 || !lives());
        expect(lives()).toBe(true);
      });
      expect(replies()).toHaveLength(1);
      expect(code).toBe(0);
      expect(ms).toBeLessThan(idleMs + windowMs);
    } finally {
      await schedules.close();
    }
  });
});

test('a worker without IDLE_MINUTES stays', async () => {
  await withPipeline({}, async (pipeline) => {
    const worker = await startWorkerProcess(pipeline);
    await outstay({ lives: () => worker.process.exitCode === null });
    expect(await pipeline.redis.exists(keys.heartbeat)).toBe(1);
    await worker.stop();
  });
});

test('a message that is accepted while the worker is on its way out is answered by the next boot', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, replies } = pipeline;
    const turns = createTurns(redis);
    try {
      const accept = createIntake(turns);
      const { code } = await untilAsleep(pipeline, async () => {
        await until('it is asleep', async () => (await redis.hget(keys.vm, 'state')) === 'asleep');
        await accept({ id: newSid(), conversation: phone, at: new Date().toISOString(), text: 'just in time', media: [] });
      });
      expect(code).toBe(0);
      const next = await startWorkerProcess(pipeline);
      await until('the answer', () => replies().length > 0);
      await next.stop();
      expect(replies().map((reply) => reply.text)).toEqual(['answer to just in time']);
    } finally {
      await turns.close();
    }
  });
});
