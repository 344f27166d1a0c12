import { expect, test } from 'vitest';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { mostEntries } from '../../shared/store/turns/record-note.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';
import { conversation, fence, reply, sid, withStores } from '../support/stores-bench.ts';
import { until } from '../support/until.ts';
import { withRedis } from '../support/redis.ts';

const room = { hasRoom: async () => true };
const at = 1_800_000_000_000;
const end = (id: string, output: string): RecordEntry => ({
  kind: 'end',
  at,
  id,
  failed: false,
  output,
});

async function hold(redis: Redis): Promise<void> {
  await redis.set(fence.lock, fence.token);
}

test('a record is read from any entry on, tells its followers, and is another worker’s after a fence', async () => {
  await withRedis(async (redis) => {
    await hold(redis);
    const records = createTurnRecords(redis, 1, room);
    const heard: string[] = [];
    const listener = redis.duplicate();
    listener.on('message', (channel, length) => heard.push(`${channel} ${length}`));
    await listener.subscribe(keys.steps('T'));
    await records.append(fence, 'T', [{ kind: 'run', at }, end('a', 'one \ud800 two')]);
    await redis.rpush(keys.steps('T'), '{"kind":"of a later version"}', 'no JSON');
    await records.append(fence, 'T', [{ kind: 'done', at }]);
    const whole = await records.read('T');
    expect(whole).toEqual([
      { kind: 'run', at },
      end('a', 'one \uFFFD two'),
      undefined,
      undefined,
      { kind: 'done', at },
    ]);
    expect(await records.read('T', 3)).toEqual(whole.slice(3));
    expect([await records.read('T', 9), await records.read('other')]).toEqual([[], []]);
    await redis.set(fence.lock, 'another’s');
    await expect(records.append(fence, 'T', [{ kind: 'done', at }])).rejects.toThrow(FencedError);
    expect(await records.read('T')).toHaveLength(5);
    expect(heard).toEqual([`${keys.steps('T')} 2`, `${keys.steps('T')} 5`]);
    listener.disconnect();
    expect(await redis.ttl(keys.steps('T'))).toBeGreaterThan(86_000);
  });
});

test('messages that are taken up, and what is put, are news of a record, which a run begins and ends', async () => {
  await withStores(async (redis, { inbox, outbox }) => {
    await hold(redis);
    const records = createTurnRecords(redis, 1, room, () => at);
    const kinds = async (): Promise<unknown[]> =>
      (await records.read('T')).map((entry) => entry?.kind);
    const data = { conversation, messages: [] };
    const take = (begins?: boolean): Promise<void> =>
      inbox.take(fence, 'T', data, new Map([[sid('a'), 1]]), begins);
    // Without a record there is no news.
    await outbox.put([reply('before')], fence);
    await take();
    expect(await kinds()).toEqual([]);
    await take(true);
    await outbox.put([reply('one')], fence);
    await outbox.put([reply('one')], fence);
    await outbox.put([reply('of nobody')]);
    expect(await kinds()).toEqual(['run', 'news']);
    await until('another millisecond', async () => {
      await take();
      return (await kinds()).length > 2;
    });
    await redis.hset(keys.spendTurn('T'), { usd: '2000000', fresh: '7' });
    expect(await records.end(fence, 'T')).toMatchObject({ costUsd: 2, input: 7, output: 0 });
    expect((await kinds()).at(-1)).toBe('done');

    // Something else in its place holds nothing up.
    await redis.set(keys.steps('T'), 'of another version');
    await take(true);
    expect(await outbox.put([reply('two')], fence)).toEqual({ added: 1, left: 0 });
    expect(await records.end(fence, 'T')).toMatchObject({ costUsd: 2 });
    await redis.set(fence.lock, 'another’s');
    await expect(records.end(fence, 'T')).rejects.toThrow(FencedError);
  });
});

test('outputs and pictures each have a room in a turn, and none where Redis is nearly full', async () => {
  await withRedis(async (redis) => {
    await hold(redis);
    const caps = { roomBytes: 1000, totalBytes: 1e6 };
    const records = createTurnRecords(redis, 1, room, () => at, caps);
    const picture: RecordEntry = { kind: 'picture', at, of: 'a', base64: 'A'.repeat(600) };
    await records.append(fence, 'T', [
      end('a', 'x'.repeat(600)),
      end('b', 'y'.repeat(600)),
      picture,
      picture,
      end('c', 'small'),
    ]);
    const [a, b, shown, left, c] = await records.read('T');
    expect(a).toMatchObject({ output: 'x'.repeat(600) });
    expect(b).toEqual({ kind: 'end', at, id: 'b', failed: false, left: 'room' });
    expect(shown).toEqual(picture);
    expect(left).toEqual({ kind: 'picture', at, of: 'a', left: 'room' });
    expect(c).toMatchObject({ output: 'small' });
    expect((await records.picture('T', 2))?.length).toBe(450);
    expect([await records.picture('T', 3), await records.picture('T', 0)]).toEqual([
      undefined,
      undefined,
    ]);

    const full = createTurnRecords(redis, 1, { hasRoom: async () => false }, () => at, caps);
    await full.append(fence, 'U', [
      end('a', 'x'),
      { kind: 'begin', at, id: 'b', words: 'B', raw: '' },
    ]);
    expect(await full.read('U')).toEqual([
      { kind: 'end', at, id: 'a', failed: false, left: 'memory' },
      { kind: 'begin', at, id: 'b', words: 'B', raw: '' },
    ]);
  });
});

test('a record ends with its 4,000th entry, and the oldest records make room for the newest', async () => {
  await withRedis(async (redis) => {
    await hold(redis);
    const clock = { now: at };
    const caps = { roomBytes: 1e6, totalBytes: 3000 };
    const records = createTurnRecords(redis, 1, room, () => clock.now, caps);
    await redis.rpush(keys.steps('long'), ...Array.from({ length: mostEntries - 1 }, () => '{}'));
    await records.append(fence, 'long', [
      { kind: 'news', at },
      { kind: 'news', at },
    ]);
    expect(await redis.llen(keys.steps('long'))).toBe(mostEntries);

    for (const turn of ['first', 'second', 'third']) {
      clock.now += 1000;
      await redis.zadd(keys.turnsOf(conversation), clock.now, turn);
      await records.append(fence, turn, [end('a', 'x'.repeat(1400))]);
    }
    expect(await records.read('first')).toEqual([]);
    expect(await records.read('third')).toHaveLength(1);
    expect(await records.newest(conversation)).toBe('third');
    expect(Number(await redis.hget(keys.stepSizes, '*'))).toBeLessThan(3000);
    // What has expired counts no longer.
    clock.now += 2 * 86_400_000;
    await records.append(fence, 'fourth', [end('a', 'x')]);
    expect(await redis.zrange(keys.stepTimes, 0, '-1')).toEqual(['fourth']);
    expect(Object.keys(await redis.hgetall(keys.stepSizes)).toSorted()).toEqual([
      '*',
      'fourth',
      'fourth output',
    ]);
  });
});
