import { expect, test } from 'vitest';
import { FencedError, createInbox } from '../../shared/store/boxes/inbox.ts';
import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import { createSnapshots } from '../../shared/store/boxes/snapshot.ts';
import type { Snapshots } from '../../shared/store/boxes/snapshot.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const message = (text: string): Message => ({
  id: newSid(),
  conversation,
  at: new Date().toISOString(),
  text,
  media: [],
});

type Bench = {
  redis: Redis;
  read: Snapshots['read'];
  inbox: Inbox;
  outbox: Outbox;
  counts: () => Promise<Record<string, string>>;
  say: (...entries: (Message | string | Buffer)[]) => Promise<void>;
};

/** A conversation whose turn the test holds. */
async function withOpening(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    await redis.set(fence.lock, fence.token);
    await run({
      redis,
      read: createSnapshots(redis).read,
      inbox: createInbox(redis),
      outbox: createOutbox(redis, deliveries),
      counts: () => redis.hgetall(keys.attempts(conversation)),
      say: async (...entries) =>
        void (await redis.rpush(
          keys.inbox(conversation),
          ...entries.map((entry) =>
            typeof entry === 'string' || Buffer.isBuffer(entry) ? entry : JSON.stringify(entry),
          ),
        )),
    });
    await deliveries.close();
  });
}

test('each pick-up counts an attempt of the message at the head, once, however often it is asked for', async () => {
  await withOpening(async ({ read, say, counts }) => {
    const [a, b] = [message('a'), message('b')];
    await say(a, b);
    for (let time = 0; time < 2; time += 1) {
      const opening = await read(conversation, fence, 'turn:1');
      expect(opening).toMatchObject({ messages: [a, b], counted: a.id });
      expect([...opening.attempts]).toEqual([[a.id, 1]]);
    }
    expect((await read(conversation, fence)).counted).toBeUndefined();
    expect((await read(conversation, fence, 'turn:12')).attempts.get(a.id)).toBe(2);
    expect((await read(conversation, fence, 'turn:1')).attempts.get(a.id)).toBe(3);
    expect(await counts()).toEqual({ [a.id]: '3', run: `turn:1 ${a.id}` });
  });
});

test('attempts that another version has stored otherwise begin anew', async () => {
  await withOpening(async ({ redis, read, say, counts }) => {
    const [a, b] = [message('a'), message('b')];
    await say(a, b);
    await redis.hset(keys.attempts(conversation), { [a.id]: '{"times":2}', [b.id]: 'two' });
    const { attempts } = await read(conversation, fence, 'turn:1');
    expect([attempts.get(a.id), attempts.get(b.id)]).toEqual([1, 0]);
    await redis.set(keys.attempts(conversation), 'two');
    await read(conversation, fence, 'turn:2');
    expect(await counts()).toEqual({ [a.id]: '1', run: `turn:2 ${a.id}` });
  });
});

test('only who holds the lock reads and counts', async () => {
  await withOpening(async ({ read, say, counts }) => {
    await say(message('a'));
    await expect(read(conversation, { ...fence, token: 'other' }, 'turn:1')).rejects.toThrow(
      FencedError,
    );
    expect(await counts()).toEqual({});
  });
});

test('attempts that are taken up or given back are what Redis says, and go with their message', async () => {
  await withOpening(async ({ redis, inbox, outbox, say, counts }) => {
    const [a, b] = [message('a'), message('b')];
    await say(a, b);
    const data = { conversation, messages: [] };
    await inbox.take(
      fence,
      '1',
      data,
      new Map([
        [a.id, 2],
        [b.id, 1],
      ]),
    );
    expect(await counts()).toEqual({ [a.id]: '2', [b.id]: '1' });
    await expect(
      inbox.recount({ ...fence, token: 'other' }, '1', data, new Map([[a.id, 0]])),
    ).rejects.toThrow(FencedError);
    await inbox.recount(
      fence,
      '1',
      data,
      new Map([
        [a.id, 1],
        [b.id, 0],
      ]),
    );
    expect(await counts()).toEqual({ [a.id]: '1' });
    await outbox.put([], fence, { conversation, ids: [a.id], state: 'answered' });
    expect(await counts()).toEqual({});
    expect(await redis.llen(keys.inbox(conversation))).toBe(1);
  });
});

const half = JSON.stringify(message('half an emoji \ud83d'));

/** What no version wrote as a message, or a later one wrote. */
const unreadable: [what: string, entry: string | Buffer][] = [
  ['no JSON', '{"id":"SM'],
  ['nothing', ''],
  ['null', 'null'],
  ['a number', '42'],
  ['a list', '[]'],
  ['an id of another channel', JSON.stringify({ ...message('a'), id: 'email-17' })],
  ['an id that is no text', JSON.stringify({ ...message('a'), id: { a: 1 } })],
  ['a time that is no text', JSON.stringify({ ...message('a'), at: 12 })],
  ['another kind', JSON.stringify({ ...message('a'), kind: 'reaction' })],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0xc3])],
  ['brackets without end', '['.repeat(20_000)],
];

test.each(unreadable)(
  'an entry that is %s goes to the dead list as it is, in the step that says so; scripts work around it',
  async (_what, entry) => {
    await withOpening(async ({ redis, read, inbox, outbox, say, counts }) => {
      const [a, b] = [message('a'), message('b')];
      await say(entry, a, entry, b);
      const opening = await read(conversation, fence, 'turn:1');
      expect(opening.messages).toEqual([a, b]);
      expect(opening.unreadable).toEqual([Buffer.from(entry), Buffer.from(entry)]);
      expect(await inbox.read(conversation)).toEqual([a, b]);
      expect(await inbox.size(conversation)).toBe(4);
      await outbox.put([{ id: 'r1', conversation, turn: '1', text: 'answer' }], fence, {
        conversation,
        ids: [a.id],
        state: 'answered',
      });
      const said = { id: 'r2', conversation, turn: '1', text: 'left out' };
      await expect(
        outbox.put(
          [said],
          { ...fence, token: 'other' },
          { conversation, ids: [], state: 'failed', unreadable: opening.unreadable },
        ),
      ).rejects.toThrow(FencedError);
      for (let time = 0; time < 2; time += 1)
        await outbox.put([said], fence, {
          conversation,
          ids: [],
          state: 'failed',
          unreadable: opening.unreadable,
        });
      expect(await inbox.read(conversation)).toEqual([b]);
      expect(await inbox.size(conversation)).toBe(1);
      expect(await redis.lrange(keys.outbox(conversation), 0, -1)).toEqual(['r1', 'r2']);
      // Equal entries are one there: the step may be sent twice by a connection that broke.
      const dead = await redis.lrangeBuffer(keys.dead, 0, -1);
      expect(dead).toHaveLength(1);
      for (const line of dead)
        expect(JSON.parse(String(line))).toMatchObject({
          from: 'inbox',
          conversation,
          entry: String(entry),
        });
      await outbox.put([], fence, { conversation, ids: [b.id], state: 'answered' });
      expect(await counts()).toEqual({});
    });
  },
);

test('a message with half an emoji, which cjson does not take, is counted, settled, given up and brought back', async () => {
  await withOpening(async ({ redis, read, inbox, outbox, say, counts }) => {
    const retry = message('retry');
    await say(half, retry);
    const [first] = (await read(conversation, fence, 'turn:1')).messages;
    const id = first?.id ?? '';
    expect(first?.text).toBe('half an emoji \ufffd');
    expect(await counts()).toEqual({ [id]: '1', run: `turn:1 ${id}` });
    await outbox.put([], fence, { conversation, ids: [id], kept: [id], state: 'failed' });
    expect(await inbox.read(conversation)).toEqual([retry]);
    expect(await inbox.requeue(fence, conversation, retry.id, [id])).toBe(1);
    const again = half.replace(/}$/, ',"again":true}');
    expect(await redis.lrange(keys.inbox(conversation), 0, -1)).toEqual([again]);
    // It says so once, however often it is brought back.
    await outbox.put([], fence, { conversation, ids: [id], kept: [id], state: 'failed' });
    expect(await inbox.requeue(fence, conversation, retry.id, [id])).toBe(1);
    expect(await redis.lrange(keys.inbox(conversation), 0, -1)).toEqual([again]);
  });
});

test('what was given up cannot be read: it goes to the dead list when something else is given up', async () => {
  await withOpening(async ({ redis, inbox, outbox, say }) => {
    const [a, retry] = [message('a'), message('retry')];
    await redis.hset(keys.conversation(conversation), 'failed', '{"no":');
    await say(a, retry);
    expect(await inbox.requeue(fence, conversation, retry.id, [a.id])).toBe(0);
    await outbox.put([], fence, { conversation, ids: [a.id], kept: [a.id], state: 'failed' });
    expect(JSON.parse((await redis.hget(keys.conversation(conversation), 'failed')) ?? '')).toEqual(
      [JSON.stringify(a)],
    );
    expect(JSON.parse((await redis.lindex(keys.dead, 0)) ?? '')).toMatchObject({
      from: 'failed',
      conversation,
      entry: '{"no":',
    });
  });
});

test('the dead list has a bound and a lifetime', async () => {
  await withOpening(async ({ redis, read, outbox, say }) => {
    await say(...Array.from({ length: 1005 }, (_, index) => `entry ${index}`));
    const { unreadable: entries } = await read(conversation, fence);
    await outbox.put([], fence, { conversation, ids: [], state: 'failed', unreadable: entries });
    expect(await redis.llen(keys.dead)).toBe(1000);
    expect(await redis.ttl(keys.dead)).toBeGreaterThan(29 * 24 * 3600);
    expect(JSON.parse((await redis.lindex(keys.dead, 0)) ?? '')).toMatchObject({
      entry: 'entry 1004',
    });
  });
});
