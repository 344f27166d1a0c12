import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis, RedisManner } from '../../shared/store/redis/redis.ts';
import { callOf, defineScript } from '../../shared/store/redis/script.ts';
import { callScript, runTransaction } from '../../shared/store/redis/transaction.ts';
import type { Call, Outcome } from '../../shared/store/redis/transaction.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

type Run = (...calls: Call[]) => Promise<Outcome[]>;

/**
 * Runs transactions on a connection of either manner: the relay's, which sends each command by
 * itself, and the worker's.
 */
async function withTransactions(
  manner: RedisManner,
  test: (run: Run, own: Redis) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const own = connectRedis(
      `redis://127.0.0.1:${redis.options.port ?? 0}`,
      manner,
      createLog('test', 'silent'),
    );
    const turns = createTurns(own);
    try {
      await until('the connection', () => own.status === 'ready');
      const client = await turns.queue.getBackend().client;
      await test((...calls) => runTransaction(own, client, calls), own);
    } finally {
      await turns.close();
      own.disconnect();
    }
  });
}

const manners: RedisManner[] = ['fail-fast', 'patient'];

test.each(manners)(
  'each call has its outcome, in order, and one that fails stops no other (%s)',
  async (manner) => {
    await withTransactions(manner, async (run) => {
      const twice = defineScript({ name: 'twice', args: ['value'], lua: 'return value * 2' });
      const script = callScript(callOf(twice, { args: { value: 21 } }));
      const outcomes = await run(['set', ['a', '1']], ['lpush', ['a', 'x']], script, [
        'incr',
        ['a'],
      ]);
      expect(outcomes.map(([error, reply]) => error?.message.split(' ', 1)[0] ?? reply)).toEqual([
        'OK',
        'WRONGTYPE',
        42,
        2,
      ]);
    });
  },
);

test.each(manners)(
  'what Redis does not take throws its reason, and nothing of it has happened (%s)',
  async (manner) => {
    await withTransactions(manner, async (run, own) => {
      await expect(run(['set', ['a', '1']], ['eval', ['return 1']])).rejects.toThrow(
        /wrong number of arguments|EXECABORT/,
      );
      expect(await own.get('a')).toBeNull();
    });
  },
);

test.each(manners)(
  'a call that cannot even be made leaves no transaction open behind it (%s)',
  async (manner) => {
    await withTransactions(manner, async (run, own) => {
      await expect(run(['set', ['a', '1']], ['no such command', []])).rejects.toThrow(TypeError);
      expect(await own.get('a')).toBeNull();
      expect(await own.set('b', '2')).toBe('OK');
      expect(await own.get('b')).toBe('2');
    });
  },
);

test('many at the same time do not mix', async () => {
  await withTransactions('fail-fast', async (run, own) => {
    const lua = `return redis.call('INCR', one) == redis.call('INCR', other) and 'even' or 'odd'`;
    const script = defineScript({ name: 'move', keys: ['one', 'other'], lua });
    const move = callScript(callOf(script, { keys: { one: 'p', other: 'q' } }));
    const boots = keys.boots('x');
    const moves = Array.from({ length: 200 }, () =>
      run(['incr', [boots]], move, ['decr', [boots]]),
    );
    const replies = await Promise.all(moves);
    expect(new Set(replies.map(([, moved]) => moved?.[1]))).toEqual(new Set(['even']));
    expect(
      new Set(replies.map(([first, , last]) => `${String(first?.[1])} ${String(last?.[1])}`)),
    ).toEqual(new Set(['1 0']));
    expect(await own.get('p')).toBe('200');
  });
});

test('a connection that is cut for a moment is waited for, whether or not it had sent them', async () => {
  await withTransactions('fail-fast', async (run, own) => {
    const count = (): Promise<Outcome[]> => run(['set', ['a', '1']], ['sadd', ['s', 'x']]);
    // Before it is sent, by twenty at once, and between the commands and their replies.
    own.disconnect(true);
    for (const outcomes of await Promise.all(Array.from({ length: 20 }, count)))
      expect(outcomes[0]).toEqual([null, 'OK']);
    const sent = count();
    own.stream.destroy();
    expect((await sent)[0]).toEqual([null, 'OK']);
    expect(await own.smembers('s')).toEqual(['x']);
  });
});

test('without Redis it fails at once, as the relay needs it', async () => {
  await withTransactions('fail-fast', async (run, own) => {
    own.disconnect();
    await expect(run(['set', ['a', '1']])).rejects.toThrow(/closed|writeable/i);
  });
});
