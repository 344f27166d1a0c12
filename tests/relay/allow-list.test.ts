import { expect, test } from 'vitest';
import { createAllowList } from '../../relay/people/allow-list.ts';
import type { AllowList } from '../../relay/people/allow-list.ts';
import { NotAllowedError, createAllowed } from '../../shared/store/allowed.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import { createSnapshots } from '../../shared/store/boxes/snapshot.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Deliveries, Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { createSetAside } from '../../shared/store/boxes/set-aside.ts';
import { newSid } from '../support/relay-bench.ts';
import { withRedis } from '../support/redis.ts';

const [one, other] = ['+15551230001', '+15551230002'];
const fence = { lock: 'a lock', token: 'mine' };
const log = createLog('test', 'silent');

type Bench = {
  redis: Redis;
  turns: Turns;
  deliveries: Deliveries;
  outbox: Outbox;
  listOf: (allowed: string[], uptimeMs?: number) => AllowList;
  words: () => Promise<Record<string, string>>;
};

async function withLists(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
    await redis.set(fence.lock, fence.token);
    await use({
      redis,
      turns,
      deliveries,
      outbox: createOutbox(redis, deliveries),
      listOf: (allowed, uptimeMs = 0) =>
        createAllowList({ redis, allowed, owner: allowed[0] ?? '', log, uptimeMs: () => uptimeMs }),
      words: () => redis.hgetall(keys.allowed),
    });
    await Promise.all([turns.close(), deliveries.close()]);
  });
}

const messageOf = (conversation: string, text: string, at = new Date()): Message => ({
  id: newSid(),
  conversation,
  at: at.toISOString(),
  text,
  media: [],
  human: true,
});
const senderOf = (conversation: string, missed?: true) => ({
  address: conversation,
  conversation,
  proven: [],
  rivals: [],
  ...(missed ? { missed } : {}),
});

test('the list says in words who may write, since when and by whom; what a younger relay has said stands', async () => {
  await withLists(async ({ listOf, words, redis }) => {
    const first = listOf([one, '+5511987654321'], 60_000);
    expect(await first.publish()).toEqual({ isOurs: true, removed: [] });
    const by = /by ALLOWED_SENDERS of the relay on \S+ that started \d{4}-\d\d-\d\dT[\d:.]+Z$/;
    expect(await words()).toEqual({
      list: expect.stringMatching(by),
      owner: one,
      [one]: expect.stringMatching(new RegExp(`^allowed since the beginning, ${by.source}`)),
      '+5511987654321': expect.stringMatching(/^allowed since the beginning, by /),
      '+551187654321': 'allowed since the beginning, as the other spelling of +5511987654321',
    });

    const second = listOf([one, other], 30_000);
    expect(await second.publish()).toEqual({
      isOurs: true,
      removed: expect.arrayContaining(['+5511987654321', '+551187654321']),
    });
    const changed = await words();
    expect(changed['+551187654321']).toMatch(
      /^removed \d{4}-.*, by ALLOWED_SENDERS of the relay on/,
    );
    expect(changed[one]).toMatch(/^allowed since the beginning/);
    expect(changed[other]).toMatch(/^allowed since \d{4}-\d\d-\d\dT/);

    // The older relay's connection was away and is back: it learns what holds now.
    expect(await first.publish()).toEqual({ isOurs: false, removed: [] });
    expect(await words()).toEqual(changed);
    expect(first.current().toSorted()).toEqual([one, other]);
    expect(await second.publish()).toEqual({ isOurs: true, removed: [] });
    // No list is no change.
    expect(await listOf([]).publish()).toEqual({ isOurs: false, removed: [] });
    expect(await words()).toEqual(changed);
    const stranger = listOf([one], 90_000);
    expect([await stranger.refresh(['+15559999999']), stranger.current()]).toEqual([false, [one]]);
    expect([
      await stranger.refresh([other]),
      stranger.current(),
      await stranger.refresh([other]),
    ]).toEqual([true, [one, other], false]);
    // What stands there is no list: the relay writes its own.
    await redis.set(keys.allowed, 'a string');
    expect(await createAllowed(redis).has('+15559999999')).toBe(true);
    expect(await second.publish()).toEqual({ isOurs: true, removed: [] });
  });
});

test('a removed person’s links are revoked, and stay so when they are back; another’s stay', async () => {
  await withLists(async ({ listOf, redis }) => {
    const links = createLinks(redis);
    const linkOf = async (person: string): Promise<string> =>
      (await links.add({ purpose: 'secret', person, object: 'TOKEN', detail: '', uses: 1 })).token;
    await listOf([one, other], 60_000).publish();
    const [mine, theirs] = [await linkOf(one), await linkOf(other)];
    await listOf([one], 30_000).publish();
    expect(await links.find(theirs)).toBeUndefined();
    await listOf([one, other]).publish();
    expect([await links.find(theirs), await links.list(other)]).toEqual([undefined, []]);
    expect(await links.use(mine, 'a cookie')).toBe('ok');
  });
});

test('a message is taken only from a person who may write, and an old one only if they were allowed when they wrote it', async () => {
  await withLists(async ({ listOf, turns, redis }) => {
    const accept = createIntake(turns);
    const outcome = async (message: Message, missed?: true): Promise<string> =>
      (await accept(message, senderOf(message.conversation, missed))).outcome;
    const longAgo = new Date(Date.now() - 3600_000);
    expect(await outcome(messageOf(other, 'before any list'))).toBe('new');
    await listOf([one], 60_000).publish();
    expect(await outcome(messageOf(one, 'old', longAgo), true)).toBe('new');
    const refused = messageOf(other, 'not any more');
    expect(await outcome(refused)).toBe('refused');
    expect(await outcome(refused, true)).toBe('refused');
    expect((await accept({ ...refused, id: `schedule-15551230002-1-${Date.now()}` })).outcome).toBe(
      'refused',
    );
    expect(await redis.exists(keys.message(refused.id), keys.job('turns', refused.id))).toBe(0);
    expect(await redis.llen(keys.inbox(other))).toBe(1);
    await listOf([one, other]).publish();
    expect(await outcome(messageOf(other, 'old', longAgo), true)).toBe('refused');
    const since = /since (\S+),/.exec((await redis.hget(keys.allowed, other)) ?? '')?.[1] ?? '';
    expect(
      await outcome(
        messageOf(other, 'in the same second', new Date(since.replace(/\.\d+Z/, '.999Z'))),
        true,
      ),
    ).toBe('refused');
    // A webhook comes now, whatever the clocks of two machines say.
    expect(await outcome(messageOf(other, 'a slow clock', longAgo))).toBe('new');
    expect(await outcome(messageOf(other, 'new', new Date(Date.now() + 1000)), true)).toBe('new');
  });
});

test('what a removed person has waiting is set aside for a week: nothing is worked, nothing goes out, and it comes back in order', async () => {
  await withLists(async ({ listOf, turns, deliveries, outbox, redis }) => {
    const schedules = createSchedules(redis);
    const setAside = createSetAside(redis, turns, deliveries, schedules);
    const [read, nextDeliveries, ledger] = [
      createSnapshots(redis).read,
      createNextDeliveries(redis, { intervalMs: 1, burst: 1000 }),
      createLedger(redis),
    ];
    const accept = createIntake(turns);
    const known = async (id: string): Promise<Reply> => {
      const found = await ledger.find(id);
      if (!found) throw new Error(`no reply ${id}`);
      return found;
    };
    const reply = (id: string) => ({
      id,
      conversation: other,
      turn: 'turn',
      text: `text of ${id}`,
    });
    const sent = async (): Promise<{ kind: string }> =>
      await nextDeliveries.next(other, fence, Date.now());
    await listOf([one, other], 90_000).publish();
    const messages = [messageOf(other, 'first'), messageOf(other, 'second')];
    for (const message of messages) await accept(message, senderOf(other));
    await outbox.put([reply('a'), reply('b'), reply('c')]);
    const parked = await sent();
    if (parked.kind === 'send') await ledger.failed(await known('a'), 1, 'park', 63016);
    const begun = await sent();
    expect([parked.kind, begun.kind, await redis.lrange(keys.parked(other), 0, -1)]).toEqual([
      'send',
      'send',
      ['a'],
    ]);
    await schedules.add(
      { conversation: other, prompt: 'look', timezone: 'UTC', cron: '0 9 * * *' },
      fence,
    );

    await listOf([one], 60_000).publish();
    await expect(
      outbox.put([reply('d')], fence, {
        conversation: other,
        ids: [messages[0]?.id ?? ''],
        state: 'answered',
      }),
    ).rejects.toThrow(NotAllowedError);
    expect(await ledger.begin(undefined, await known('c'))).toBeUndefined();
    expect(await sent()).toEqual({ kind: 'none' });
    await redis.rpush(keys.inbox(one), 'another person’s');
    await expect(read(other, fence, 'turn:1')).rejects.toThrow(NotAllowedError);
    expect(await setAside.sweep([one, other])).toEqual([]);
    expect(await schedules.setAside(other)).toBe(1);
    expect(await setAside.counts(other)).toEqual({ messages: 2, replies: 3, schedules: 1 });
    expect(
      await redis.exists(
        keys.inbox(other),
        keys.outbox(other),
        keys.parked(other),
        keys.attempts(other),
      ),
    ).toBe(0);
    expect(await redis.hget(keys.message(messages[0]?.id ?? ''), 'state')).toBe('set aside');
    for (const key of [
      keys.setAsideMessages(other),
      keys.setAsideReplies(other),
      keys.setAsideSchedules(other),
    ]) {
      expect(Math.ceil((await redis.ttl(key)) / 86_400)).toBe(7);
    }
    const lifetimes = (): Promise<number[]> =>
      Promise.all(['a', 'b', 'c'].map((id) => redis.ttl(keys.reply(id))));
    expect((await lifetimes()).map((ttl) => Math.ceil(ttl / 86_400))).toEqual([7, 7, 7]);
    expect(await schedules.list(other)).toEqual([]);
    expect(await setAside.requeue(other)).toEqual({ messages: 0, replies: 0, schedules: 0 });

    await listOf([one, other]).publish();
    // What came to the outbox of a removed person is of before, and what waits of the others is not
    // touched.
    expect(await redis.llen(keys.inbox(one))).toBe(1);
    await redis.hset(keys.setAsideSchedules(other), '7', '{"of":"a later version"}');
    await redis.rpush(keys.setAsideReplies(other), 'odd', 'settled');
    await redis.set(keys.reply('odd'), 'no hash');
    await redis.hset(keys.reply('settled'), 'status', 'sent');
    await redis.expire(keys.reply('settled'), 100);
    expect(await setAside.requeue(other)).toEqual({
      messages: 2,
      replies: 5,
      schedules: 1,
      unreadable: 1,
    });
    expect([await lifetimes(), await redis.ttl(keys.reply('settled'))]).toEqual([
      [-1, -1, -1],
      expect.closeTo(100, -1),
    ]);
    const [dead = ''] = await redis.lrange(keys.dead, 0, -1);
    expect(JSON.parse(dead)).toMatchObject({
      from: 'schedules',
      entry: '{"of":"a later version"}',
    });
    expect((await read(other, fence, 'turn:2')).messages.map(({ text }) => text)).toEqual([
      'first',
      'second',
    ]);
    expect(await redis.lrange(keys.outbox(other), 0, -1)).toEqual([
      'settled',
      'a',
      'b',
      'c',
      'odd',
    ]);
    expect(await ledger.find('b')).toMatchObject({ status: 'posting' });
    expect(await ledger.find('a')).toMatchObject({ status: 'waiting' });
    expect(await schedules.list(other)).toMatchObject([{ prompt: 'look', number: 1 }]);
    expect(await setAside.counts(other)).toEqual({ messages: 0, replies: 0, schedules: 0 });

    await listOf([one], -60_000).publish();
    expect(await setAside.sweep([other])).toEqual([other]);
    await setAside.drop(other);
    expect(await redis.exists(...['a', 'b', 'c'].map(keys.reply))).toBe(0);
    await schedules.close();
  });
});
