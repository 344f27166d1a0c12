import { expect, test } from 'vitest';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTurns } from '../../shared/store/queues.ts';
import type { Turns } from '../../shared/store/queues.ts';
import { phone } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { messageForm, newSid, withRelay } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const message = (change: Partial<Message> = {}): Message => ({
  id: newSid(),
  conversation: phone,
  at: new Date().toISOString(),
  text: 'hello',
  media: [],
  ...change,
});

/** An intake on a Redis of its own, for as long as `use` takes. */
async function withIntake(
  use: (parts: {
    redis: Redis;
    turns: Turns;
    accept: ReturnType<typeof createIntake>;
  }) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    try {
      await turns.queue.waitUntilReady();
      await use({ redis, turns, accept: createIntake(turns) });
    } finally {
      await turns.close();
    }
  });
}

const waiting = (redis: Redis): Promise<string[]> => redis.lrange(`${prefix}:turns:wait`, 0, -1);

test('messages taken in are in the inbox in order, and one turn waits for all of them', async () => {
  await withIntake(async ({ redis, accept }) => {
    const messages = [message(), message(), message()];
    const outcomes = [];
    for (const entry of messages) outcomes.push((await accept(entry)).outcome);
    expect(outcomes).toEqual(['new', 'new', 'new']);
    expect((await redis.lrange(keys.inbox(phone), 0, -1)).map((raw) => JSON.parse(raw))).toEqual(
      messages,
    );
    expect(await waiting(redis)).toEqual([messages[0]?.id]);
    expect(await redis.smembers(keys.conversations)).toEqual([phone]);
  });
});

test('conversations have turns of their own', async () => {
  await withIntake(async ({ redis, accept }) => {
    const [one, other] = [message(), message({ conversation: '+15551230002' })];
    await Promise.all([accept(one), accept(other)]);
    expect((await waiting(redis)).sort()).toEqual([one.id, other.id].sort());
  });
});

test('a Redis that forgot its scripts between two messages still takes claim, inbox and turn', async () => {
  await withIntake(async ({ redis, accept }) => {
    await accept(message({ conversation: '+15551230002' }));
    await redis.script('FLUSH');
    const second = message();
    expect((await accept(second)).outcome).toBe('new');
    expect(await redis.hget(keys.message(second.id), 'state')).toBe('waiting');
    expect(await redis.llen(keys.inbox(phone))).toBe(1);
    expect(await waiting(redis)).toContain(second.id);
    await redis.script('FLUSH');
    expect((await accept(second)).outcome).toBe('duplicate');
    expect(await redis.llen(keys.inbox(phone))).toBe(1);
    expect(await waiting(redis)).toHaveLength(2);
  });
});

test('a Redis that forgets its scripts all the time loses nothing and doubles nothing', async () => {
  await withIntake(async ({ redis, accept }) => {
    const flushing = redis.duplicate();
    const stop = new AbortController();
    const flusher = (async () => {
      while (!stop.signal.aborted) await flushing.script('FLUSH');
    })();
    const messages = Array.from({ length: 100 }, (_, index) =>
      message({ conversation: `+1555123${String(index).padStart(4, '0')}` }),
    );
    try {
      await Promise.all(messages.map((entry) => accept(entry)));
    } finally {
      stop.abort();
      await flusher;
      flushing.disconnect();
    }
    expect((await waiting(redis)).sort()).toEqual(messages.map(({ id }) => id).sort());
    for (const { conversation } of messages)
      expect(await redis.llen(keys.inbox(conversation))).toBe(1);
  });
});

test('a duplicate whose message waits without a turn adds the turn', async () => {
  await withIntake(async ({ redis, accept }) => {
    const entry = message();
    await accept(entry);
    await redis.del(
      keys.job('turns', entry.id),
      keys.deduplication('turns', phone),
      `${prefix}:turns:wait`,
    );
    expect((await accept(entry)).outcome).toBe('stranded');
    const jobs = await waiting(redis);
    expect(jobs).toHaveLength(1);
    expect(await redis.hget(keys.job('turns', jobs[0] ?? ''), 'name')).toBe('turns');
    expect(await redis.llen(keys.inbox(phone))).toBe(1);
    expect((await accept(entry)).outcome).toBe('duplicate');
    expect(await waiting(redis)).toEqual(jobs);
  });
});

test('a duplicate of a message whose turn waits or runs adds nothing, and no next turn', async () => {
  await withIntake(async ({ redis, accept }) => {
    const entry = message();
    await accept(entry);
    expect((await accept(entry)).outcome).toBe('duplicate');
    expect(await waiting(redis)).toEqual([entry.id]);
    await redis.lmove(`${prefix}:turns:wait`, keys.active('turns'), 'LEFT', 'RIGHT');
    expect((await accept(entry)).outcome).toBe('duplicate');
    expect(await waiting(redis)).toEqual([]);
    expect(await redis.keys(`${prefix}:turns:dn:*`)).toEqual([]);
  });
});

test('a new message while a turn runs makes one next turn, however many they are', async () => {
  await withIntake(async ({ redis, accept }) => {
    await accept(message());
    await redis.lmove(`${prefix}:turns:wait`, keys.active('turns'), 'LEFT', 'RIGHT');
    await accept(message());
    await accept(message());
    expect(await waiting(redis)).toEqual([]);
    expect(await redis.keys(`${prefix}:turns:dn:*`)).toEqual([`${prefix}:turns:dn:${phone}`]);
  });
});

test('a duplicate of an answered message wakes nothing, with the turn kept or forgotten', async () => {
  await withRelay({}, async ({ post, redis, startWorker, replies }) => {
    await startWorker();
    const form = messageForm();
    await post('/webhook', form);
    await until(
      'the end of the turn',
      async () => (await redis.zcard(`${prefix}:turns:completed`)) === 1 && replies().length === 1,
    );
    const counts = async (): Promise<number[]> =>
      await Promise.all([
        redis.llen(`${prefix}:turns:wait`),
        redis.llen(`${prefix}:turns:active`),
        redis.zcard(`${prefix}:turns:completed`),
        redis.llen(keys.inbox(phone)),
        redis.keys(`${prefix}:turns:dn:*`).then((names) => names.length),
      ]);
    const before = await counts();
    expect((await post('/webhook', form)).status).toBe(200);
    expect(await counts()).toEqual(before);
    const id = form['MessageSid'] ?? '';
    await redis.del(keys.job('turns', id));
    await redis.zrem(`${prefix}:turns:completed`, id);
    expect((await post('/webhook', form)).status).toBe(200);
    expect(await counts()).toEqual([0, 0, 0, 0, 0]);
    expect(replies()).toHaveLength(1);
  });
});

test('a message that comes late goes before what was said after it and has not begun, also around what cannot be read', async () => {
  await withIntake(async ({ redis, accept }) => {
    const at = (minute: number): Partial<Message> => ({
      at: `2026-11-29T12:0${minute}:00.000Z`,
      text: `at ${minute}`,
    });
    const [first, third, fourth] = [
      message(at(1)),
      message(at(3)),
      message({ ...at(4), text: 'half an emoji \ud83d' }),
    ];
    for (const entry of [third, fourth]) await accept(entry);
    await redis.lpush(
      keys.inbox(phone),
      '{"id":',
      'null',
      JSON.stringify({ ...message(at(9)), id: { no: 'text' } }),
    );
    await accept(first);
    const texts = async (): Promise<string[]> =>
      (await redis.lrange(keys.inbox(phone), 3, -1)).map((raw) => JSON.parse(raw).text);
    expect(await texts()).toEqual([first, third, fourth].map(({ text }) => text.toWellFormed()));
    // What a turn works on keeps its place.
    await redis.hset(keys.message(first.id), 'state', 'working');
    const earliest = message(at(0));
    await accept(earliest);
    expect(await texts()).toEqual(
      [first, earliest, third, fourth].map(({ text }) => text.toWellFormed()),
    );
    await redis.rpush(keys.inbox(phone), 'no JSON');
    const last = message(at(5));
    expect((await accept(last)).outcome).toBe('new');
    expect(await redis.lindex(keys.inbox(phone), -1)).toBe(JSON.stringify(last));
  });
});

test('a message that comes late stays behind what was said before it or at the same time', async () => {
  await withIntake(async ({ redis, accept }) => {
    const at = (second: number, text: string): Message =>
      message({ at: `2026-11-29T12:00:0${second}.000Z`, text });
    for (const entry of [at(1, 'a'), at(2, 'b'), at(4, 'd'), at(2, 'c')]) await accept(entry);
    expect(
      (await redis.lrange(keys.inbox(phone), 0, -1)).map((raw) => JSON.parse(raw).text),
    ).toEqual(['a', 'b', 'c', 'd']);
  });
});

test('a duplicate whose message is at work without a turn adds the turn', async () => {
  await withIntake(async ({ redis, accept }) => {
    const entry = message();
    await accept(entry);
    await redis.hset(keys.message(entry.id), 'state', 'working');
    await redis.del(
      keys.job('turns', entry.id),
      keys.deduplication('turns', phone),
      `${prefix}:turns:wait`,
    );
    expect((await accept(entry)).outcome).toBe('stranded');
    expect(await waiting(redis)).toHaveLength(1);
  });
});

test('a message is taken in with one trip to Redis', async () => {
  await withIntake(async ({ redis, accept }) => {
    await accept(message({ conversation: '+15551230002' }));
    const watcher = await redis.monitor();
    try {
      const commands: string[] = [];
      watcher.on('monitor', (_time: string, args: string[], source: string) => {
        if (source !== 'lua') commands.push(args[0]?.toUpperCase() ?? '');
      });
      await accept(message());
      await redis.echo('done');
      await until('the last command', () => commands.includes('ECHO'));
      expect(commands).toEqual(['MULTI', 'EVAL', 'EVALSHA', 'EVAL', 'EXEC', 'ECHO']);
    } finally {
      watcher.disconnect();
    }
  });
});

test('answers go to the address that wrote last, also when an older message comes late; what a message proves is kept with it', async () => {
  await withIntake(async ({ redis, accept }) => {
    const send = async (
      address: string,
      at: string,
      sid: string,
      proven: string[] = [],
    ): Promise<string> =>
      (
        await accept(
          { id: `SM${sid.repeat(32)}`, conversation: phone, at, text: 'x', media: [] },
          { address, conversation: phone, proven, rivals: [] },
        )
      ).outcome;
    const address = async (): Promise<string | null> =>
      await redis.hget(keys.conversation(phone), 'address');
    expect(await send(phone, '2026-01-01T00:00:00.000Z', '1')).toBe('new');
    expect(await address()).toBeNull();
    expect(await send('US.1349', '2026-01-01T00:00:02.000Z', '2', ['US.1349'])).toBe('new');
    expect(await send(phone, '2026-01-01T00:00:01.000Z', '3')).toBe('new');
    expect(await address()).toBe('US.1349');
    expect(await redis.hgetall(keys.aliases)).toEqual({ 'US.1349': phone });
    expect(await send(phone, '2026-01-01T00:00:03.000Z', '4')).toBe('new');
    expect(await address()).toBe(phone);
    // A sender who belongs elsewhere: nothing is stored, and no turn stays behind.
    const elsewhere = {
      id: `SM${'5'.repeat(32)}`,
      conversation: 'US.1349',
      at: '2026-01-01T00:00:04.000Z',
      text: 'x',
      media: [],
    };
    expect(
      await accept(elsewhere, {
        address: 'US.1349',
        conversation: 'US.1349',
        proven: [],
        rivals: [],
        check: 'US.1349',
      }),
    ).toEqual({ outcome: 'elsewhere', conversation: phone });
    expect(
      await redis.exists(
        keys.message(elsewhere.id),
        keys.inbox('US.1349'),
        keys.job('turns', elsewhere.id),
      ),
    ).toBe(0);
  });
});

test('the id of a message is remembered for eight days at least, however short the retention: a webhook can be replayed', async () => {
  await withIntake(async ({ redis, turns }) => {
    const entry = message();
    await createIntake(turns, 1)(entry);
    expect(await redis.ttl(keys.message(entry.id))).toBeGreaterThan(8 * 24 * 3600 - 60);
    const other = message();
    await createIntake(turns, 20)(other);
    expect(await redis.ttl(keys.message(other.id))).toBeGreaterThan(20 * 24 * 3600 - 60);
  });
});
