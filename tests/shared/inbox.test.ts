import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { FencedError, createInbox } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const message = (text: string): Message => ({
  id: `SM${randomBytes(16).toString('hex')}`,
  conversation,
  at: new Date().toISOString(),
  text,
  media: [],
});

const lock = keys.jobLock('turns', '1');
const fence = { lock, token: 'mine' };

/** Stores the messages of a turn that was given up. */
async function giveUp(redis: Redis, messages: Message[]): Promise<void> {
  await redis.hset(
    keys.conversation(conversation),
    'failed',
    JSON.stringify(messages.map((entry) => JSON.stringify(entry))),
  );
}

test('messages that are brought back come first, in their order, and wait again; who asked for it goes', async () => {
  await withRedis(async (redis) => {
    const inbox = createInbox(redis);
    const [a, b, retry, d] = [
      message('a "quoted" ü 🎱 \u0000'),
      message('b'),
      message('retry'),
      message('d'),
    ];
    await redis.set(lock, 'mine');
    await giveUp(redis, [a, b]);
    for (const entry of [a, retry, d]) await redis.hset(keys.message(entry.id), 'state', 'failed');
    await redis.rpush(keys.inbox(conversation), JSON.stringify(retry), JSON.stringify(d));
    expect(await inbox.requeue(fence, conversation, retry.id, [a.id, b.id])).toBe(2);
    const again = true;
    expect(await inbox.read(conversation)).toEqual([{ ...a, again }, { ...b, again }, d]);
    expect(await redis.hget(keys.message(a.id), 'state')).toBe('waiting');
    expect(await redis.hget(keys.message(retry.id), 'state')).toBe('answered');
    // Whose claim has expired does not get a new one that never would.
    expect(await redis.exists(keys.message(b.id))).toBe(0);
  });
});

test('bringing back a second time, or when nothing failed, changes nothing', async () => {
  await withRedis(async (redis) => {
    const inbox = createInbox(redis);
    const [a, retry] = [message('a'), message('retry')];
    await redis.set(lock, 'mine');
    await giveUp(redis, [a]);
    await inbox.requeue(fence, conversation, retry.id, [a.id]);
    await redis.rpush(keys.inbox(conversation), JSON.stringify(retry));
    expect(await inbox.requeue(fence, conversation, retry.id, [a.id])).toBe(0);
    expect(await inbox.read(conversation)).toEqual([{ ...a, again: true }, retry]);
  });
});

test('only who holds the lock may bring messages back', async () => {
  await withRedis(async (redis) => {
    const inbox = createInbox(redis);
    const entry = message('a');
    await giveUp(redis, [entry]);
    await redis.set(lock, 'other');
    await expect(
      inbox.requeue(fence, conversation, message('retry').id, [entry.id]),
    ).rejects.toThrow(FencedError);
    expect(await inbox.read(conversation)).toEqual([]);
    expect(await redis.hexists(keys.conversation(conversation), 'failed')).toBe(1);
  });
});

test('only who holds the lock may take messages up', async () => {
  await withRedis(async (redis) => {
    const inbox = createInbox(redis);
    const entry = message('a');
    await redis.set(lock, 'mine');
    await redis.hset(keys.message(entry.id), 'state', 'waiting');
    const job = keys.job('turns', '1');
    await redis.hset(job, 'data', 'before');
    const data = {
      conversation,
      messages: [{ id: entry.id, at: entry.at, text: 'a', media: 0, attempts: 1 }],
    };
    await expect(
      inbox.take({ lock, token: 'other' }, '1', data, new Map([[entry.id, 1]])),
    ).rejects.toThrow(FencedError);
    expect(await redis.hgetall(keys.message(entry.id))).toEqual({ state: 'waiting' });
    expect(await redis.hget(job, 'data')).toBe('before');
    await inbox.take(fence, '1', data, new Map([[entry.id, 1]]));
    expect(await redis.hgetall(keys.message(entry.id))).toEqual({ state: 'working', turn: '1' });
    expect(JSON.parse((await redis.hget(job, 'data')) ?? '')).toEqual(data);
    await redis.del(lock, job);
    await expect(inbox.take(fence, '1', data, new Map([[entry.id, 1]]))).rejects.toThrow(
      FencedError,
    );
    // A job that is gone does not come back as a piece of itself.
    await redis.set(lock, 'mine');
    await inbox.take(fence, '1', data, new Map([[entry.id, 1]]));
    expect(await redis.exists(job)).toBe(0);
  });
});
