import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import type { RedisServer } from '../../simulator/redis-server.ts';

/**
 * Servers that no test uses now, for the next test of the same file: a start takes longer than most
 * tests. They end with the file, as everything does that its tests have started.
 */
const idle = new Set<RedisServer>();

/** What a test may have done to a server that emptying does not undo, as Redis counts calls. */
const changes =
  /^cmdstat_(?:config\|set|config\|rewrite|acl\||debug|client\|(?:pause|no-)|function|module|replicaof|slaveof|failover|cluster|shutdown)/m;

async function startServer(): Promise<RedisServer> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-redis-'));
  const server = await runRedisServer({ dir });
  void removeAtEnd(server);
  return server;
}

/** One that ends while it is idle ends with its file. */
async function removeAtEnd(server: RedisServer): Promise<void> {
  await server.ended;
  if (idle.delete(server)) remove(server);
}

const remove = ({ dir }: RedisServer): void =>
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });

const connect = ({ url }: RedisServer): Redis =>
  connectRedis(url, 'patient', createLog('test', 'silent'));

/** An idle server without data, scripts, statistics and connections, if there is one. */
async function takeIdle(): Promise<RedisServer | undefined> {
  for (const server of idle) {
    idle.delete(server);
    const redis = connect(server);
    try {
      const clients = String(await redis.client('LIST'))
        .trim()
        .split('\n');
      if (clients.length === 1) {
        await redis
          .multi()
          .flushall()
          .script('FLUSH')
          .config('RESETSTAT')
          .call('LATENCY', 'RESET')
          .call('SLOWLOG', 'RESET')
          .exec();
        return server;
      }
    } finally {
      redis.disconnect();
    }
    // A connection that a test has left open may still write.
    await discard(server);
  }
  return undefined;
}

async function discard(server: RedisServer): Promise<void> {
  await server.stop();
  remove(server);
}

/** A Redis of the test's own, until it is given back. */
export async function takeRedis(): Promise<RedisServer> {
  return (await takeIdle()) ?? (await startServer());
}

/**
 * Keeps a server for the next test, unless this one has stopped it or changed more than its data.
 */
export async function giveBackRedis(server: RedisServer): Promise<void> {
  const redis = connect(server);
  const calls = await Promise.race([
    redis.info('commandstats').catch(() => undefined),
    server.ended.then(() => undefined),
  ]);
  redis.disconnect();
  if (calls === undefined || changes.test(calls)) await discard(server);
  else idle.add(server);
}

/** A Redis of the test's own, with a connection to it, for as long as `test` takes. */
export async function withRedis(test: (redis: Redis) => Promise<void>): Promise<void> {
  const server = await takeRedis();
  const redis = connect(server);
  try {
    await test(redis);
  } finally {
    redis.disconnect();
    await giveBackRedis(server);
  }
}
