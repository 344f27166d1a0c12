import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createReadiness } from '../../relay/http/readiness.ts';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { connectRedis, isDemotion } from '../../shared/store/redis/redis.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { callOf, defineScript } from '../../shared/store/redis/script.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import type { RedisServer } from '../../simulator/redis-server.ts';
import { countBoot } from '../../worker/process/boot-number.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { openSwitch } from '../support/switch.ts';
import type { Switch } from '../support/switch.ts';
import { until } from '../support/until.ts';

type Pair = {
  primary: RedisServer;
  replica: RedisServer;
  address: Switch;
  redis: { primary: Redis; replica: Redis };
  failOver: () => Promise<void>;
};

const log = createLog('test', 'silent');

/** A Redis, its replica, and the address of whichever is the primary. */
async function withPair(run: (pair: Pair) => Promise<void>): Promise<void> {
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-pair-'));
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const start = async (name: string): Promise<[RedisServer, Redis]> => {
      const server = await runRedisServer({ dir: path.join(dir, name) });
      shutdown.add(name, () => server.stop());
      const redis = new Redis(server.url);
      redis.on('error', () => undefined);
      shutdown.add(`to ${name}`, () => redis.disconnect());
      await redis.config('SET', 'repl-diskless-sync-delay', '0');
      return [server, redis];
    };
    const [[primary, toPrimary], [replica, toReplica]] = [
      await start('primary'),
      await start('replica'),
    ];
    await toReplica.replicaof('127.0.0.1', String(primary.port));
    await until('the replica', async () =>
      (await toReplica.info('replication')).includes('master_link_status:up'),
    );
    const address = await openSwitch(primary.port);
    shutdown.add('address', () => address.stop());
    const failOver = async (): Promise<void> => {
      await toReplica.replicaof('NO', 'ONE');
      await toPrimary.replicaof('127.0.0.1', String(replica.port));
      address.turn(replica.port);
    };
    await run({
      primary,
      replica,
      address,
      redis: { primary: toPrimary, replica: toReplica },
      failOver,
    });
  } finally {
    await shutdown.run();
  }
}

test('when the primary becomes a replica and the address leads to the new one, relay and worker go there with all their connections', async () => {
  await withPair(async ({ address, redis, failOver }) => {
    await withPipeline(
      { environment: { REDIS_URL: address.url } },
      async ({ say, replies, startWorker, relayUrl }) => {
        const ready = async (): Promise<number> => (await fetch(`${relayUrl}/ready`)).status;
        await startWorker();
        await say('one');
        await until('the first answer', () => replies().length === 1);
        expect(await ready()).toBe(200);
        await failOver();
        await say('two');
        await until('the second answer', () =>
          replies().some(({ text }) => text === 'answer to two'),
        );
        await until('it to be ready', async () => (await ready()) === 200);
        // The worker's listener, its lease and the connections on which BullMQ waits for jobs are
        // there, too.
        const left = async (): Promise<string[]> =>
          String(await redis.primary.client('LIST'))
            .split('\n')
            .filter((line) => !/flags=[MS]|cmd=client/.test(line) && line !== '');
        await until('the last connection', async () => (await left()).length === 0);
        await say('three');
        await until('the third answer', () =>
          replies().some(({ text }) => text === 'answer to three'),
        );
        expect(replies().map(({ text }) => text)).toEqual([
          'answer to one',
          'answer to two',
          'answer to three',
        ]);
        expect(await redis.replica.llen(keys.inbox(phone))).toBe(0);
      },
    );
  });
});

test('a patient connection does at the new primary what the old one refused: a command, a script, a transaction', async () => {
  await withPair(async ({ address, redis, failOver }) => {
    const own = connectRedis(address.url, 'patient', log);
    const turns = createTurns(own);
    try {
      await own.set('a', '1');
      await failOver();
      const write = defineScript({
        name: 'testWrite',
        keys: ['counter'],
        lua: "return redis.call('INCR', counter)",
      });
      const { reply } = await turns.runAndAdd(
        { call: () => callOf(write, { keys: { counter: 'count' } }) },
        phone,
      );
      expect(reply).toBe(1);
      expect(await redis.replica.get('count')).toBe('1');
      expect(await redis.replica.exists(keys.deduplication('turns', phone))).toBe(1);
      await own.set('a', '2');
      expect(await redis.replica.get('a')).toBe('2');
    } finally {
      await turns.close();
      own.disconnect();
    }
  });
});

test('a demotion is known by its word, also in the middle of what a script of Redis 6 has failed with', () => {
  const said = [
    "READONLY You can't write against a read only replica.",
    "ERR Error running script (call to f_1): @user_script:2: @user_script: 2: -READONLY You can't write against a read only replica. ",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'LOADING Redis is loading the dataset in memory',
  ];
  expect(said.map((text) => isDemotion(new Error(text)))).toEqual([true, true, true, true]);
  expect(
    ['OOM command not allowed', 'ERR not READONLY here'].map((text) => isDemotion(new Error(text))),
  ).toEqual([false, false]);
});

test('readiness is a write, at most one in five seconds for all who ask, and none when nobody does', async () => {
  await withRedis(async (redis) => {
    await redis.ping();
    let now = 1000;
    const isReady = createReadiness(redis, () => now);
    const writes = async (): Promise<number> =>
      Number(/cmdstat_set:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
    expect(await Promise.all([isReady(), isReady(), isReady()])).toEqual([true, true, true]);
    now += 4999;
    await isReady();
    expect(await writes()).toBe(1);
    now += 1;
    await redis.config('SET', 'maxmemory', '1');
    expect(await isReady()).toBe(false);
    expect(await writes()).toBe(1);
    expect(await redis.ttl(keys.ready)).toBeGreaterThan(0);
    // The clock is set back: what was true then is not believed until it has caught up.
    now -= 3600_000;
    await redis.config('SET', 'maxmemory', '0');
    expect(await isReady()).toBe(true);
  });
});

test('the number of boots never goes back, neither with a restored copy nor with the clock', async () => {
  await withRedis(async (redis) => {
    const now = Date.UTC(2026, 5, 1);
    const first = await countBoot(redis, 'vm', now);
    expect(await countBoot(redis, 'vm', now)).toBe(first + 1);
    expect(await countBoot(redis, 'vm', now - 3600_000)).toBe(first + 2);
    await redis.set(keys.boots('vm'), 7);
    expect(await countBoot(redis, 'vm', now + 60_000)).toBe(first + 60);
  });
});
