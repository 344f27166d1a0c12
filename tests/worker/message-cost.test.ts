import { expect, test } from 'vitest';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import type { CommandCount } from '../../simulator/idle-cost/command-count.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/**
 * Waits until the answer is delivered, both queues are empty, and nothing has been sent to Redis
 * for a moment.
 */
async function isOver(pipeline: Pipeline, count: CommandCount, answers: number): Promise<void> {
  await until(
    'the answer to be delivered',
    () => pipeline.replies().filter(({ status }) => status === 'delivered').length === answers,
  );
  await until('quiet', () => Date.now() - count.lastAt() > scaled(700));
}

test('a message takes at most 40 Redis commands, from the webhook to its delivery', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({ lease: { renewMs: 120_000, holdMs: 240_000 } });
    const count = await countCommands(pipeline.redisServer.url);
    await pipeline.say('first');
    await isOver(pipeline, count, 1);
    const totals: number[] = [];
    for (const answers of [2, 3]) {
      count.reset();
      await pipeline.say(`number ${answers}`);
      await isOver(pipeline, count, answers);
      totals.push(count.read().total);
    }
    await count.stop();
    expect(Math.max(...totals)).toBeLessThanOrEqual(40);
    expect(Math.min(...totals)).toBeGreaterThan(20);
    expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
  });
});

test('what comes in right before and right after an answer is answered, though the inbox is not read again', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker();
    const said = Array.from({ length: 30 }, (_, index) => `number ${index}`);
    for (const text of said) {
      await pipeline.say(text);
      // At another moment of the turn before each time.
      await new Promise((resolve) => setTimeout(resolve, said.indexOf(text) % 10));
    }
    await until('all answers', () => pipeline.replies().length >= said.length, 60_000);
    await until(
      'empty boxes',
      async () =>
        (await pipeline.redis.llen(keys.inbox(phone))) +
          (await pipeline.redis.llen(keys.outbox(phone))) +
          (await pipeline.redis.llen(keys.active('turns'))) ===
        0,
    );
    expect(pipeline.replies().map(({ text }) => text)).toEqual(
      said.map((text) => `answer to ${text}`),
    );
  });
});
