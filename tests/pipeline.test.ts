import { expect, test } from 'vitest';
import { keys } from '../shared/store/redis/keys.ts';
import { phone, withPipeline } from './support/pipeline.ts';
import { until } from './support/until.ts';

test('a message goes in and its answer comes out', async () => {
  await withPipeline({}, async ({ say, replies, startWorker, redis }) => {
    await startWorker();
    const sid = await say('hello');
    await until('the answer', () => replies().some((reply) => reply.text === 'answer to hello'));
    expect(await redis.hget(keys.message(sid), 'state')).toBe('answered');
    expect(await redis.llen(keys.inbox(phone))).toBe(0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(replies()).toHaveLength(1);
  });
});

test('messages of one conversation are answered in order, each once', async () => {
  await withPipeline({}, async ({ say, replies, startWorker }) => {
    const texts = Array.from({ length: 20 }, (_, index) => `number ${index}`);
    for (const text of texts.slice(0, 5)) await say(text);
    await startWorker();
    for (const text of texts.slice(5)) await say(text);
    await until('all answers', () => replies().length >= texts.length);
    expect(replies().map((reply) => reply.text)).toEqual(texts.map((text) => `answer to ${text}`));
  });
});
