import { Worker } from 'bullmq';
import { expect, test } from 'vitest';
import { prefix } from '../../shared/store/redis/keys.ts';
import { createTurns, readTurnData } from '../../shared/store/queues.ts';
import { createRandom } from '../support/random.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const conversation = '+15551230001';

test('however often it is added while it runs, a conversation gets one next job, and it runs', async () => {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    const runs: string[] = [];
    const gate = Promise.withResolvers<void>();
    const worker = new Worker(
      turns.name,
      async (job) => {
        runs.push(String(job.id));
        if (runs.length === 1) await gate.promise;
      },
      { connection: redis, prefix },
    );
    try {
      const first = await turns.add(conversation, 'first');
      await until('the first run', () => runs.length === 1);
      await turns.add(conversation, 'second');
      await turns.add(conversation, 'third');
      expect(await redis.llen(`${prefix}:turns:wait`)).toBe(0);
      gate.resolve();
      await until(
        'the end of both',
        async () => (await redis.zcard(`${prefix}:turns:completed`)) === 2,
      );
      expect(runs).toHaveLength(2);
      expect(runs[0]).toBe(first);
      expect(await redis.keys(`${prefix}:turns:dn:*`)).toEqual([]);
      await turns.add(conversation, 'fourth');
      await until('a later run', () => runs.length === 3);
    } finally {
      gate.resolve();
      await worker.close();
      await turns.close();
    }
  });
});

test('two jobs of one conversation never run at once, with two workers and many adds', async () => {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    const random = createRandom(5);
    const running = new Set<string>();
    let overlaps = 0;
    let unanswered = 0;
    const work = async (job: { data: { conversation: string } }): Promise<void> => {
      if (running.has(job.data.conversation)) overlaps += 1;
      running.add(job.data.conversation);
      unanswered = 0;
      await new Promise((resolve) => setTimeout(resolve, random.below(5)));
      running.delete(job.data.conversation);
    };
    const workers = [0, 1].map(
      () => new Worker(turns.name, work, { connection: redis, prefix, concurrency: 5 }),
    );
    try {
      for (let round = 0; round < 200; round += 1) {
        await turns.add(`+1555123000${random.below(3)}`);
        unanswered += 1;
      }
      await until(
        'an idle queue',
        async () =>
          (await redis.llen(`${prefix}:turns:wait`)) +
            (await redis.llen(`${prefix}:turns:active`)) ===
          0,
      );
      expect(overlaps).toBe(0);
      expect(unanswered).toBe(0);
    } finally {
      await Promise.all(workers.map((worker) => worker.close()));
      await turns.close();
    }
  });
});

test('a finished job is kept to be read, with its data in plain JSON', async () => {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    const worker = new Worker(turns.name, async () => ({ replies: 1 }), {
      connection: redis,
      prefix,
    });
    try {
      const id = await turns.add(conversation);
      await until('the end', async () => (await redis.zcard(`${prefix}:turns:completed`)) === 1);
      const job = await redis.hgetall(`${prefix}:turns:${id}`);
      expect(JSON.parse(job['data'] ?? '')).toMatchObject({ conversation, messages: [] });
      expect(JSON.parse(job['returnvalue'] ?? '')).toEqual({ replies: 1 });
    } finally {
      await worker.close();
      await turns.close();
    }
  });
});

test('a turn’s data that another version has written is read as far as it goes', () => {
  const known = { id: 'a', at: 'b', text: 'c', media: 1, attempts: 2, later: 'x' };
  const data = { conversation, messages: [known], waits: 1, later: 'y' };
  expect(readTurnData(data, undefined)).toEqual(data);
  expect(
    readTurnData({ conversation, messages: [5, null, {}, { id: 'd' }], waits: 'once' }, 'x'),
  ).toEqual({
    conversation,
    messages: [{ id: 'd', at: '', text: '', media: 0, attempts: 0 }],
    waits: undefined,
  });
  for (const strange of ['x', null, {}, { conversation: 5 }])
    expect(readTurnData(strange, conversation)).toEqual({ conversation, messages: [] });
  expect(readTurnData({ messages: [] }, undefined)).toBeUndefined();
});
