import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createTellOwner, ownerPauseMs, readOwnerWords } from '../../shared/store/owner.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import { withRedis } from '../support/redis.ts';

const owner = '+15551230001';

test('the owner hears of each cause once an hour, through the outbox, and not while the last word waits; without an owner the log and the dashboard have it', async () => {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    const outbox = createOutbox(redis, deliveries);
    let now = Date.parse('2026-11-29T12:00:00Z');
    let isFull = false;
    const lines: string[] = [];
    const log = createLog('test', 'info', { write: (line) => void lines.push(line) });
    const put: typeof outbox.put = async (...args) => {
      if (isFull) throw new Error('OOM');
      return await outbox.put(...args);
    };
    const tell = createTellOwner({ redis, outbox: { put }, log, now: () => now });
    const waiting = async (): Promise<string[]> => await redis.lrange(keys.outbox(owner), 0, -1);
    const settle = async (status: string): Promise<void> => {
      for (const id of await waiting()) await redis.hset(keys.reply(id), 'status', status);
      await redis.del(keys.outbox(owner));
    };

    await tell('memory', 'no relay has named an owner');
    await redis.hset(keys.allowed, {
      list: 'written by x',
      owner,
      '+15551230002': 'allowed since the beginning, by x',
    });
    await tell('memory', 'the owner may not write');
    expect(await redis.keys(keys.outbox('*'))).toEqual([]);
    expect(await readOwnerWords(redis)).toEqual([
      { cause: 'memory', at: '2026-11-29T12:00:00.000Z', text: 'the owner may not write' },
    ]);
    expect(lines.filter((line) => line.includes('something needs a person'))).toHaveLength(2);
    expect(lines.join('')).not.toContain('the owner may not write');

    await redis.hset(keys.allowed, owner, 'allowed since the beginning, by x');
    isFull = true;
    await tell('memory', 'lost on the way');
    isFull = false;
    await tell('memory', 'first');
    await tell('memory', 'second');
    await tell('wake', 'of another cause');
    const [first = '', other = ''] = await waiting();
    expect(await waiting()).toHaveLength(2);
    expect([
      await redis.hget(keys.reply(first), 'text'),
      await redis.hget(keys.reply(other), 'text'),
    ]).toEqual(['first', 'of another cause']);
    expect((await readOwnerWords(redis)).map(({ text }) => text).toSorted()).toEqual([
      'of another cause',
      'second',
    ]);

    now += ownerPauseMs;
    for (const status of ['waiting', 'posting', 'parked']) {
      await settle(status);
      await tell('memory', `while it is ${status}`);
      expect(await waiting()).toEqual([]);
      await redis.hset(keys.reply(first), 'status', status === 'parked' ? 'delivered' : status);
      if (status !== 'parked') await redis.rpush(keys.outbox(owner), first);
    }
    await tell('memory', 'third');
    expect(await waiting()).toEqual([`owner.memory.${now}`]);
    now += ownerPauseMs - 1;
    await settle('delivered');
    await tell('memory', 'too early');
    expect(await waiting()).toEqual([]);
    // The clock is set back: the owner need not wait until it has caught up.
    now -= 3 * ownerPauseMs;
    await tell('memory', 'fourth');
    expect(await waiting()).toEqual([`owner.memory.${now}`]);
    await deliveries.close();
  });
});
