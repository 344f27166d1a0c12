import { expect, test } from 'vitest';
import { keys } from '../../shared/keys.ts';
import { phone, stranger, withPipeline } from '../support/pipeline.ts';
import { startRelayProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

test('messages that came while the relay was down are taken in when it starts, in order, and nobody else’s', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    await pipeline.say('one');
    await pipeline.say('two');
    await pipeline.say('let me in', stranger);
    const relay = await startRelayProcess(pipeline);
    await pipeline.startWorker();
    await until('both answers', () => pipeline.replies().length === 2);
    expect(pipeline.replies().map((reply) => reply.text)).toEqual(['answer to one', 'answer to two']);
    expect(await pipeline.redis.exists(keys.inbox(stranger))).toBe(0);
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
    expect(pipeline.replies().map((reply) => reply.text)).toEqual(['answer to one', 'answer to two']);
    expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
    await second.stop();
  });
});
