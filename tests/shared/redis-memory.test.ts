import { expect, test } from 'vitest';
import { MemoryFullError, createFileStore } from '../../shared/store/files.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import {
  createRedisMemory,
  parseMemory,
  warnOfPressure,
} from '../../shared/store/redis/redis-memory.ts';
import type { MemoryUse } from '../../shared/store/redis/redis-memory.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createLease } from '../../worker/process/lease.ts';
import { createRunningJobs } from '../../worker/process/running-jobs.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/** Sets maxmemory so that this part of it is used, roughly. */
async function fill(
  redis: {
    info(part: string): Promise<string>;
    config(name: 'SET', key: string, value: string): Promise<unknown>;
  },
  share: number,
): Promise<void> {
  const used = parseMemory(await redis.info('memory'))?.usedBytes ?? 0;
  await redis.config('SET', 'maxmemory', String(Math.round(used / share)));
}

test('from 70 % on Redis takes no new file and no new page; what is kept stays, and below it there is room again', async () => {
  await withRedis(async (redis) => {
    let now = 0;
    const memory = createRedisMemory(redis, undefined, () => now);
    const [files, pages] = [
      createFileStore(redis, undefined, undefined, memory),
      createPageStore(redis, 30, undefined, undefined, memory),
    ];
    const put = () => files.put(Buffer.from('x'), { type: 'text/plain', name: 'x.txt' }, phone);
    const kept = await pages.put('kept', 'text');
    await put();
    await fill(redis, 0.75);
    now += 4999;
    await put();
    now += 1;
    await expect(put()).rejects.toThrow(MemoryFullError);
    expect(await pages.put('new', 'text')).toBeUndefined();
    expect(await pages.append('grows', 'entry', 'text')).toBeUndefined();
    expect(await pages.put('kept', 'text')).toBe(kept);
    await fill(redis, 0.5);
    now += 5000;
    await put();
    expect(await pages.append('grows', 'entry', 'text')).toBeDefined();
  });
});

test('Redis is asked once in five seconds, however many want to know, and pressure is told from 85 % on', async () => {
  await withRedis(async (redis) => {
    let now = 0;
    const heard: MemoryUse[] = [];
    const memory = createRedisMemory(
      redis,
      (use) => heard.push(use),
      () => now,
    );
    const asked = async (): Promise<number> =>
      Number(/cmdstat_info:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
    const before = await asked();
    await fill(redis, 0.8);
    await Promise.all([memory.read(), memory.read(), memory.hasRoom()]);
    expect(heard).toEqual([]);
    await fill(redis, 0.9);
    now += 5000;
    expect(await memory.read()).toMatchObject({ mostBytes: expect.any(Number) });
    expect(heard).toHaveLength(1);
    // Two readings, two of `fill` and that of the count before.
    expect((await asked()) - before).toBe(5);
  });
});

test('each renewal of the lease tells of Redis’s memory and of what waits without a job, as often as it finds it', async () => {
  await withRedis(async (redis) => {
    const [found, uses]: [string[][], MemoryUse[]] = [[], []];
    const lease = createLease({
      redis,
      worker: 'vm',
      boot: 1,
      times: { renewMs: 1000, holdMs: 1000 },
      running: createRunningJobs(),
      log: createLog('test', 'silent'),
      listener: {
        recover: async () => undefined,
        onFenced: () => undefined,
        onStranded: async (conversations) => void found.push(conversations),
        onLostWork: () => undefined,
        onMemory: (use) => void uses.push(use),
      },
    });
    await redis.sadd(
      keys.conversations,
      phone,
      'empty',
      ...Array.from({ length: 600 }, (_, index) => `other-${index}`),
    );
    await redis.rpush(keys.inbox(phone), '{}');
    for (let round = 0; round < 12; round += 1) await lease.renew();
    expect(found.length).toBeGreaterThan(1);
    expect(new Set(found.flat())).toEqual(new Set([phone]));
    expect(uses.at(-1)?.usedBytes).toBeGreaterThan(500_000);
    found.length = 0;
    await redis.del(keys.inbox(phone));
    await redis.rpush(keys.outbox('empty'), 'reply');
    for (let round = 0; round < 12; round += 1) await lease.renew();
    expect(new Set(found.flat())).toEqual(new Set(['empty']));
  });
});

test('who may not fall asleep for something without a job is told of it', async () => {
  await withRedis(async (redis) => {
    const found: string[][] = [];
    const vm = createVmState(redis);
    await redis.sadd(keys.conversations, phone);
    await redis.rpush(keys.inbox(phone), '{}');
    expect(
      await vm.fallAsleep(
        'vm',
        Date.now(),
        0,
        async (conversations) => void found.push(conversations),
      ),
    ).toBe(false);
    expect(found).toEqual([[phone]]);
    await redis.set(keys.deduplication('turns', phone), 'a-turn');
    expect(
      await vm.fallAsleep(
        'vm',
        Date.now(),
        0,
        async (conversations) => void found.push(conversations),
      ),
    ).toBe(true);
    expect(found).toHaveLength(1);
  });
});

test('a message that has lost its turn is answered by a worker that runs, whether it sleeps or not', async () => {
  await withPipeline({ relay: false }, async ({ redis, startWorker, replies }) => {
    const strand = async (text: string): Promise<void> => {
      const message = {
        id: `SM${'a'.repeat(28)}${text}`,
        conversation: phone,
        at: new Date().toISOString(),
        text,
        media: [],
        human: true,
      };
      await redis
        .multi()
        .sadd(keys.conversations, phone)
        .rpush(keys.inbox(phone), JSON.stringify(message))
        .exec();
    };
    const worker = await startWorker();
    await strand('0001');
    await until('its answer', () => replies().some(({ text }) => text === 'answer to 0001'));
    await worker.stop();
    // This one renews its lease so seldom that only its look before it sleeps can find it.
    await startWorker({
      lease: { renewMs: 600_000, holdMs: 600_000 },
      environment: { IDLE_MINUTES: '0.005' },
    });
    await strand('0002');
    await until('its answer', () => replies().some(({ text }) => text === 'answer to 0002'));
    expect(replies().map(({ text }) => text)).toEqual(['answer to 0001', 'answer to 0002']);
  });
});

test('a Redis that is nearly full is told to the owner, at most every ten minutes', () => {
  let now = 0;
  const told: string[][] = [];
  const warn = warnOfPressure(
    createLog('test', 'silent'),
    async (...word) => void told.push(word),
    () => now,
  );
  warn({ usedBytes: 90, mostBytes: 100 });
  now += 599_999;
  warn({ usedBytes: 91, mostBytes: 100 });
  expect(told).toEqual([
    ['memory', expect.stringMatching(/^My memory for messages \(Redis\) is 90 % full\./)],
  ]);
  now += 1;
  warn({ usedBytes: 92, mostBytes: 100 });
  expect(told).toHaveLength(2);
  // The clock is set back.
  now -= 3600_000;
  warn({ usedBytes: 93, mostBytes: 100 });
  expect(told).toHaveLength(3);
});
