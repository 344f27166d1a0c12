import { expect, test } from 'vitest';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { createRandom } from '../support/random.ts';
import { giveBackRedis, takeRedis } from '../support/redis.ts';
import { runRefusingProxy } from '../support/refusing-proxy.ts';
import { until } from '../support/until.ts';

const unknownScript = 'NOSCRIPT No matching script. Please use EVAL.';
const loading = 'LOADING Redis is loading the dataset in memory';
const moved = 'MOVED 3999 127.0.0.1:7001';
const readOnly = "READONLY You can't write against a read only replica.";

test.each([
  ['does not know a script', (name: string) => (name === 'evalsha' ? unknownScript : undefined), 1],
  ['is loading its data', () => loading, 2],
  ['is part of a cluster for a moment', () => moved, 3],
  ['is a replica for a moment', () => readOnly, 4],
])(
  'with a Redis that %s at any command each message gets one answer',
  { tags: 'long' },
  async (_what, refusal, seed) => {
    const server = await takeRedis();
    const random = createRandom(seed);
    let isRough = false;
    let refusals = 0;
    const proxy = await runRefusingProxy(server.port, (name) => {
      const error = isRough && random.below(100) < 5 ? refusal(name) : undefined;
      if (error !== undefined) refusals += 1;
      return error;
    });
    try {
      await withPipeline(
        { environment: { REDIS_URL: proxy.url } },
        async ({ startWorker, say, replies }) => {
          await startWorker();
          isRough = true;
          const wanted: string[] = [];
          for (let number = 1; number <= 12; number += 1) {
            for (const from of [phone, otherPhone]) await say(`number ${number}`, from);
            wanted.push(`answer to number ${number}`);
          }
          await until('some refusals', () => refusals >= 8);
          isRough = false;
          for (const from of [phone, otherPhone]) {
            const texts = (): string[] => replies(from).map(({ text }) => text);
            await until('all answers', () => wanted.every((text) => texts().includes(text)));
            expect(texts()).toEqual(wanted);
          }
        },
      );
    } finally {
      await proxy.stop();
      await giveBackRedis(server);
    }
  },
);
