import { expect, test } from 'vitest';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTurnList, spellingsOf } from '../../shared/store/turns/turn-list.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { scaled } from '../support/machine-speed.ts';
import { withRedis } from '../support/redis.ts';

const start = Date.UTC(2026, 10, 1);
const number = (index: number): string => `+1555123${String(index % 40).padStart(4, '0')}`;
const sidOf = (index: number): string => `SM${index.toString(16).padStart(32, '0')}`;

/** Stores turns as the scripts leave them, the first one the newest; every 500th has failed. */
async function fill(redis: Redis, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const step = redis.pipeline();
    for (let index = from; index < Math.min(from + 500, count); index += 1) {
      const [id, conversation, at] = [sidOf(index), number(index), start - index * 60_000];
      const text = `Please look at deploy log number ${index} and tell me what went wrong`;
      const said = { id, conversation, at: new Date(at).toISOString(), text, media: [] };
      const state = index % 500 === 3 ? 'failed' : 'answered';
      step.set(keys.said(id), JSON.stringify(said));
      step.hset(keys.message(id), { conversation, state, turn: id });
      step.zadd(keys.turnTimes, at, id);
      step.zadd(keys.turnsOf(conversation), at, id);
      if (state === 'failed') step.zadd(keys.turnsFailed, at, id);
      step.hset(keys.turnWords, id, `${text.toLowerCase()}\n${conversation}`);
      step.rpush(keys.turnMessages(id), id);
      step.hset(keys.turn(id), { conversation, begunAt: at, settledAt: at + 5000 });
      step.rpush(keys.turnReplies(id), `${id}.1`);
      step.hset(keys.reply(`${id}.1`), { status: 'read', at: said.at, postedAt: said.at });
    }
    await step.exec();
  }
}

/** How much of the processor Redis has used (ms). */
async function usedMs(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = [...info.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)].map(([, used]) =>
    Number(used),
  );
  return seconds.reduce((sum, one) => sum + one, 0) * 1000;
}

test('the list goes on where its page ended, and each turn stands on one page', async () => {
  await withRedis(async (redis) => {
    await fill(redis, 1203);
    const list = createTurnList(redis);
    const seen: string[] = [];
    let after: { id: string; at: number } | undefined;
    do {
      const page = await list.find({ most: 200, after });
      seen.push(...page.turns.map(({ id }) => id));
      after = page.next;
    } while (after);
    expect(seen).toEqual(Array.from({ length: 1203 }, (_, index) => sidOf(index)));
    // The last turn of a page may have gone by the time the next one is asked for.
    const { next } = await list.find({ most: 10 });
    await redis.zrem(keys.turnTimes, sidOf(9));
    const [first] = (await list.find({ most: 1, after: next })).turns;
    expect(first?.id).toBe(sidOf(10));
    expect((await list.find({ most: 5, words: 'NUMBER 1201 ' })).turns).toHaveLength(1);
    expect((await list.find({ most: 5, state: 'failed' })).turns.map(({ id }) => id)).toEqual(
      [3, 503, 1003].map(sidOf),
    );
    const [since, before] = [start - 5 * 60_000, start - 2 * 60_000];
    const some = await list.find({ most: 50, since, before });
    expect(some.turns.map(({ id }) => id)).toEqual([3, 4, 5].map(sidOf));
    expect(await list.read('nothing')).toBeUndefined();
  });
});

test('a turn of another home has the state that its own queue tells, and gets its messages by its lock there', async () => {
  await withRedis(async (redis) => {
    await fill(redis, 1);
    const [conversation, id, queue, token] = [number(0), sidOf(0), 'turns@two', 'token'];
    await redis.set(keys.firstHome, 'one');
    await redis.sadd(keys.homes, 'one', 'two');
    await redis.hset(keys.conversation(conversation), 'home', 'two');
    await redis.sadd(ofHome(keys.conversations, '@two'), conversation);
    await redis.rpush(keys.inbox(conversation), (await redis.get(keys.said(id))) ?? '');
    await redis.hset(keys.message(id), 'state', 'working');
    await redis.set(keys.deduplication(queue, conversation), id);
    await redis.zadd(keys.delayed(queue), start * 0x1000, id);
    const list = createTurnList(redis);
    expect((await list.find({ most: 5, home: '@two' })).turns).toMatchObject([{ home: '@two' }]);
    expect((await list.find({ most: 5, home: '' })).turns).toEqual([]);
    expect((await list.open()).inboxes).toMatchObject([{ conversation, dueAt: start }]);
    expect(await list.read(id)).toMatchObject({ state: 'waiting', dueAt: start });
    await redis.set(keys.jobLock(queue, id), token);
    expect((await list.read(id))?.state).toBe('working');
    await redis.hdel(keys.message(id), 'turn');
    const deliveries = createDeliveries(redis, { home: '@two' });
    try {
      const fence = { lock: keys.jobLock(queue, id), token };
      const settlement = { conversation, ids: [id], state: 'answered' as const };
      const reply = { id: `${id}.2`, conversation, turn: id, text: 'done' };
      await createOutbox(redis, deliveries).put([reply], fence, settlement);
    } finally {
      await deliveries.close();
    }
    expect(await redis.hmget(keys.message(id), 'state', 'turn')).toEqual(['answered', id]);
  });
});

test('words are looked for as written, in small and in capital letters', () => {
  expect(spellingsOf('  ÜBER die ')).toEqual(['Über die', 'über die']);
  expect(spellingsOf(' ')).toEqual([]);
});

test(
  'of 20,000 turns a page and a search take Redis 300 ms at most, and a bounded number of commands',
  { tags: 'long' },
  async () => {
    await withRedis(async (redis) => {
      await fill(redis, 20_000);
      const list = createTurnList(redis);
      const queries = [
        { most: 25 },
        { most: 25, words: 'nothing like this' },
        { most: 25, words: 'NUMBER 19999' },
        { most: 25, state: 'failed' as const },
        { most: 25, state: 'set aside' as const },
        { most: 25, conversation: number(3), words: 'zebra' },
      ];
      // Redis's own time, which other work of the machine does not lengthen.
      for (const query of queries) {
        const before = await usedMs(redis);
        for (let round = 0; round < 5; round += 1) await list.find(query);
        const spent = ((await usedMs(redis)) - before) / 5;
        expect(spent, `of ${JSON.stringify(query)}`).toBeLessThan(scaled(300));
      }
      // Apart, since watching the commands slows a script down.
      const count = await countCommands(`redis://127.0.0.1:${redis.options.port}`);
      try {
        for (const query of queries) {
          count.reset();
          await list.find(query);
          expect(count.read().total).toBeLessThanOrEqual(9);
        }
      } finally {
        await count.stop();
      }
    });
  },
);
