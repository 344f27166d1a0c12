import { expect, test } from 'vitest';
import { fillTurns, newestAt, numberOf, sidOf, timeOf } from '../../bench/dashboard/kept-turns.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTurnList, spellingsOf } from '../../shared/store/turns/turn-list.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { scaled } from '../support/machine-speed.ts';
import { withRedis } from '../support/redis.ts';

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
    await fillTurns(redis, 1203);
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
    const [since, before] = [timeOf(5), timeOf(2)];
    const some = await list.find({ most: 50, since, before });
    expect(some.turns.map(({ id }) => id)).toEqual([3, 4, 5].map(sidOf));
    expect(await list.read('nothing')).toBeUndefined();
  });
});

test('a turn of another home has the state that its own queue tells, and gets its messages by its lock there', async () => {
  await withRedis(async (redis) => {
    await fillTurns(redis, 1);
    const [conversation, id, queue, token] = [numberOf(0), sidOf(0), 'turns@two', 'token'];
    await redis.set(keys.firstHome, 'one');
    await redis.sadd(keys.homes, 'one', 'two');
    await redis.hset(keys.conversation(conversation), 'home', 'two');
    await redis.sadd(ofHome(keys.conversations, '@two'), conversation);
    await redis.rpush(keys.inbox(conversation), (await redis.get(keys.said(id))) ?? '');
    await redis.hset(keys.message(id), 'state', 'working');
    await redis.set(keys.deduplication(queue, conversation), id);
    await redis.zadd(keys.delayed(queue), newestAt * 0x1000, id);
    const list = createTurnList(redis);
    expect((await list.find({ most: 5, home: '@two' })).turns).toMatchObject([{ home: '@two' }]);
    expect((await list.find({ most: 5, home: '' })).turns).toEqual([]);
    expect((await list.open()).inboxes).toMatchObject([
      { conversation, home: '@two', dueAt: newestAt },
    ]);
    expect(await list.read(id)).toMatchObject({ state: 'waiting', dueAt: newestAt });
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

test('what is set aside is found as that, also of a person who may write again', async () => {
  await withRedis(async (redis) => {
    await fillTurns(redis, 1);
    const [conversation, id] = [numberOf(0), sidOf(0)];
    await redis.hset(keys.message(id), 'state', 'set aside');
    await redis.rpush(keys.setAsideMessages(conversation), (await redis.get(keys.said(id))) ?? '');
    const list = createTurnList(redis);
    for (const words of ['removed 2026', 'allowed since 2026, by a relay']) {
      await redis.hset(keys.allowed, conversation, words);
      expect((await list.find({ most: 5, state: 'set aside' })).turns).toMatchObject([{ id }]);
    }
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
      await fillTurns(redis, 20_000);
      const list = createTurnList(redis);
      const queries = [
        { most: 25 },
        { most: 25, words: 'nothing like this' },
        { most: 25, words: 'NUMBER 19999' },
        { most: 25, state: 'failed' as const },
        { most: 25, state: 'set aside' as const },
        { most: 25, home: '@two' as const },
        { most: 25, conversation: numberOf(3), words: 'zebra' },
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
