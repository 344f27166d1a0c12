import { expect, test } from 'vitest';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import { LostAnswerError, createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox, Settlement } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { NewReply } from '../../shared/store/reply.ts';
import { createSpend } from '../../shared/store/money/spend.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const lost = { ...fence, token: 'lost' };
const entryOf = (id: string): string => JSON.stringify({ id, conversation, text: id });
const reply = (id: string, change: Partial<NewReply> = {}): NewReply => ({
  id,
  conversation,
  turn: 'turn',
  text: id,
  ...change,
});
const settle = (ids: string[], change: Partial<Settlement> = {}): Settlement => ({
  conversation,
  ids,
  state: 'answered',
  ...change,
});

type Bench = {
  redis: Redis;
  outbox: Outbox;
  waiting: () => Promise<string[]>;
  inbox: () => Promise<string[]>;
};

/** The messages a and b wait, a has been begun with once, and the fence holds. */
async function withOutbox(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    await redis.set(fence.lock, 'mine');
    await redis.rpush(keys.inbox(conversation), entryOf('a'), entryOf('b'));
    await redis.hset(keys.message('a'), 'state', 'working');
    await redis.hset(keys.attempts(conversation), 'a', '1', 'b', '0');
    const read = (key: string) => (): Promise<string[]> => redis.lrange(key, 0, -1);
    await run({
      redis,
      outbox: createOutbox(redis, deliveries),
      waiting: read(keys.outbox(conversation)),
      inbox: read(keys.inbox(conversation)),
    });
    await deliveries.close();
  });
}

test('an answer takes its messages out of the inbox, once, and nothing else', async () => {
  await withOutbox(async ({ redis, outbox, waiting, inbox }) => {
    expect(await outbox.put([reply('r1')], fence, settle(['a']))).toEqual({ added: 1, left: 1 });
    expect(await inbox()).toEqual([entryOf('b')]);
    expect(await redis.hget(keys.message('a'), 'state')).toBe('answered');
    expect(await redis.hgetall(keys.attempts(conversation))).toEqual({ b: '0' });
    expect(await outbox.put([reply('r1', { text: 'again' })], fence, settle(['a']))).toEqual({
      added: 0,
      left: 1,
    });
    expect(await waiting()).toEqual(['r1']);
    expect(await redis.hget(keys.reply('r1'), 'text')).toBe('r1');
    // Whose claim has expired does not get a new one that never would.
    await outbox.put([reply('r2')], fence, settle(['b']));
    expect(await redis.exists(keys.message('b'))).toBe(0);
  });
});

test('who has lost the turn changes nothing, but what was spent counts', async () => {
  await withOutbox(async ({ redis, outbox, waiting, inbox }) => {
    const price = {
      conversation,
      answer: 'r1',
      day: '2026-01-31',
      usage: { inputTokens: 1, outputTokens: 1, costUsd: 0.5 },
    };
    await expect(outbox.put([reply('r1')], lost, settle(['a'], { price }))).rejects.toThrow(
      FencedError,
    );
    expect([await waiting(), await inbox()]).toEqual([[], [entryOf('a'), entryOf('b')]]);
    expect(await createSpend(redis).today('2026-01-31')).toBe(0.5);
    await outbox.put([reply('s1', { aside: true })], fence);
    await expect(outbox.withdraw(lost, conversation)).rejects.toThrow(FencedError);
    expect(await waiting()).toEqual(['s1']);
  });
});

test('what is given up is kept byte by byte, each message once; what cannot be read goes to the dead list', async () => {
  await withOutbox(async ({ redis, outbox, inbox }) => {
    const failed = async (): Promise<unknown> =>
      JSON.parse((await redis.hget(keys.conversation(conversation), 'failed')) ?? 'null');
    const broken = Buffer.from('{"id":');
    await redis.rpush(keys.inbox(conversation), broken);
    await outbox.put(
      [reply('r1')],
      fence,
      settle(['a'], { state: 'failed', kept: ['a'], unreadable: [broken] }),
    );
    expect(await failed()).toEqual([entryOf('a')]);
    expect((await redis.lrange(keys.dead, 0, -1)).map((entry) => JSON.parse(entry))).toMatchObject([
      { from: 'inbox', conversation, entry: '{"id":' },
    ]);
    await redis.rpush(keys.inbox(conversation), entryOf('a'));
    await outbox.put(
      [reply('r2')],
      fence,
      settle(['a', 'b'], { state: 'failed', kept: ['a', 'b'] }),
    );
    expect(await failed()).toEqual([entryOf('a'), entryOf('b')]);
    expect(await inbox()).toEqual([]);
  });
});

test('nothing is put when the store has lost an earlier answer of the turn, and its message waits again', async () => {
  await withOutbox(async ({ outbox, waiting, inbox }) => {
    const put = (id: string, answered: string[]): Promise<unknown> =>
      outbox.put([reply(`r-${id}`)], fence, settle([id], { answered }));
    await expect(put('b', ['a'])).rejects.toThrow(LostAnswerError);
    // The store has lost the settled message, too.
    await expect(put('c', ['b'])).rejects.toThrow(LostAnswerError);
    expect([await waiting(), await inbox()]).toEqual([[], [entryOf('a'), entryOf('b')]]);
    // What waits behind the settled message has come in again.
    expect(await put('a', ['b'])).toEqual({ added: 1, left: 1 });
    expect(await put('b', ['a'])).toEqual({ added: 1, left: 0 });
  });
});

test('a message of Twilio’s that is answered when the store has lost its claim is claimed again, for as long', async () => {
  await withOutbox(async ({ redis, outbox }) => {
    const sid = `SM${'a'.repeat(32)}`;
    await outbox.put([reply('r1')], fence, settle([sid, 'b', 'work-1']));
    expect(await redis.hgetall(keys.message(sid))).toMatchObject({
      conversation,
      state: 'answered',
    });
    expect(await redis.ttl(keys.message(sid))).toBeGreaterThan(29 * 24 * 3600);
    for (const id of ['b', 'work-1']) expect(await redis.exists(keys.message(id))).toBe(0);
  });
});

test('what was given up stays so when a later answer covers it, until it is brought back', async () => {
  await withOutbox(async ({ redis, outbox }) => {
    const state = (): Promise<string | null> => redis.hget(keys.message('a'), 'state');
    await outbox.put([reply('r1')], fence, settle(['a'], { state: 'failed', kept: ['a'] }));
    await outbox.put([reply('r2')], fence, settle(['b', 'a']));
    expect(await state()).toBe('failed');
    await redis.hset(keys.message('a'), 'state', 'waiting');
    await outbox.put([reply('r3')], fence, settle(['a']));
    expect(await state()).toBe('answered');
  });
});

test('an answered message that waits again behind many is found', async () => {
  await withOutbox(async ({ redis, outbox }) => {
    await redis.rpush(
      keys.inbox(conversation),
      ...Array.from({ length: 120 }, (_, index) => entryOf(`m${index}`)),
    );
    await expect(
      outbox.put([reply('r1')], fence, settle(['x'], { answered: ['m119'] })),
    ).rejects.toThrow(LostAnswerError);
  });
});

test('answered messages far behind others leave the inbox, too', async () => {
  await withOutbox(async ({ redis, outbox, inbox }) => {
    await redis.rpush(
      keys.inbox(conversation),
      ...Array.from({ length: 120 }, (_, index) => entryOf(`m${index}`)),
    );
    expect(await outbox.put([reply('r1')], fence, settle(['a', 'm60', 'm119']))).toEqual({
      added: 1,
      left: 119,
    });
    expect(
      (await inbox()).filter((entry) => ['a', 'm60', 'm119'].includes(JSON.parse(entry).id)),
    ).toEqual([]);
  });
});

test('what is urgent goes before what is not, never before what Twilio is being asked for, and stays before what comes back', async () => {
  await withOutbox(async ({ redis, outbox, waiting }) => {
    await outbox.put([reply('r1'), reply('r2')]);
    await redis.hset(keys.reply('r1'), 'status', 'posting');
    await outbox.put([reply('u1', { urgent: true })]);
    await outbox.put([reply('u2', { urgent: true })]);
    expect(await waiting()).toEqual(['r1', 'u1', 'u2', 'r2']);
    // What comes back goes before what was said after it, and behind the urgent.
    await redis.lrem(keys.outbox(conversation), 1, 'r1');
    await redis.rpush(keys.parked(conversation), 'r1');
    await createLedger(redis).unpark(conversation);
    expect(await waiting()).toEqual(['u1', 'u2', 'r1', 'r2']);
  });
});

test('what was said aside is taken back, of one turn or of all; an answer and what is being posted stay', async () => {
  await withOutbox(async ({ redis, outbox, waiting }) => {
    await outbox.put([
      reply('posting', { aside: true }),
      reply('answer'),
      reply('aside', { aside: true }),
      reply('other', { aside: true, turn: 'other turn' }),
    ]);
    await redis.hset(keys.reply('posting'), 'status', 'posting');
    expect(await outbox.withdraw(fence, conversation, 'turn')).toBe(1);
    expect(await waiting()).toEqual(['posting', 'answer', 'other']);
    expect(await redis.hget(keys.reply('aside'), 'status')).toBe('withdrawn');
    expect(await outbox.withdraw(fence, conversation)).toBe(1);
    expect(await waiting()).toEqual(['posting', 'answer']);
  });
});
