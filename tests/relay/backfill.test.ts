import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { backfillTimes } from '../../relay/backfill.ts';
import { relayDeps, runRelay } from '../../relay/relay.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { phone, stranger, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { startRelayProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

test('messages that came while the relay was down are taken in when it starts, in order, and nobody else’s', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    await pipeline.say('one');
    await pipeline.say('two');
    const theirs = await pipeline.say('let me in', stranger);
    const relay = await startRelayProcess(pipeline);
    await pipeline.startWorker();
    await until('both answers', () => pipeline.replies().length === 2);
    expect(pipeline.replies().map((reply) => reply.text)).toEqual([
      'answer to one',
      'answer to two',
    ]);
    expect(await pipeline.redis.exists(keys.inbox(stranger), keys.message(theirs))).toBe(0);
    expect(pipeline.replies(stranger)).toEqual([]);
    await relay.stop();
  });
});

test('what was answered already is not taken in again', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const first = await startRelayProcess(pipeline);
    await pipeline.startWorker();
    await pipeline.say('one');
    await until('the answer', () => pipeline.replies().length === 1);
    await first.stop();
    await pipeline.say('two');
    const second = await startRelayProcess(pipeline);
    await until('the second answer', () => pipeline.replies().length === 2);
    expect(pipeline.replies().map((reply) => reply.text)).toEqual([
      'answer to one',
      'answer to two',
    ]);
    expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
    await second.stop();
  });
});

/** A pipeline whose relay looks for what was missed a moment after it may not come any more. */
async function withEagerRelay(test: (pipeline: Pipeline) => Promise<void>): Promise<void> {
  await withPipeline({ relay: false }, async (pipeline) => {
    const config = parseRelayConfig(pipeline.environment);
    const relay = await runRelay(config, pipeline.log, {
      ...relayDeps(config, pipeline.log),
      backfillTimes: { ...backfillTimes, youngMs: 1500 },
    });
    try {
      await until(
        'the relay has begun',
        async () => (await fetch(`${pipeline.relayUrl}/ready`)).ok,
      );
      await test(pipeline);
    } finally {
      await relay.stop();
    }
  });
}

const texts = async ({ redis }: Pipeline): Promise<string[]> =>
  (await redis.lrange(keys.inbox(phone), 0, -1)).map((raw) => JSON.parse(raw).text);

test('what could not be stored while Redis was away or full is taken in soon after', async () => {
  await withEagerRelay(async (pipeline) => {
    const { redis, redisServer, say } = pipeline;
    await say('one');
    await redisServer.stop();
    await say('while Redis was away');
    const restarted = await runRedisServer({
      dir: redisServer.dir,
      port: redisServer.port,
    });
    try {
      await until('what was missed', async () =>
        (await texts(pipeline)).includes('while Redis was away'),
      );
      await redis.config('SET', 'maxmemory', '1');
      await say('while it was full');
      await redis.config('SET', 'maxmemory', '0');
      await until('what was missed then', async () =>
        (await texts(pipeline)).includes('while it was full'),
      );
      expect(await texts(pipeline)).toEqual(['one', 'while Redis was away', 'while it was full']);
    } finally {
      await restarted.stop();
    }
  });
});
