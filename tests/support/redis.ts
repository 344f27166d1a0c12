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
  void forget(server, dir);
  return server;
}

async function forget(server: RedisServer, dir: string): Promise<void> {
  await server.ended;
  idle.delete(server);
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}

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
    await server.stop();
  }
  return undefined;
}

/** Keeps a server for the next test, unless this one has changed more than its data. */
async function giveBack(server: RedisServer): Promise<void> {
  const redis = connect(server);
  const calls = await Promise.race([
    redis.info('commandstats').catch(() => undefined),
    server.ended.then(() => undefined),
  ]);
  redis.disconnect();
  if (calls === undefined || changes.test(calls)) await server.stop();
  else idle.add(server);
}

/** A Redis of the test's own for as long as `test` takes, which must leave it running. */
export async function withRedisServer(test: (server: RedisServer) => Promise<void>): Promise<void> {
  const server = (await takeIdle()) ?? (await startServer());
  try {
    await test(server);
    await giveBack(server);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The same, with a connection to it. */
export async function withRedis(test: (redis: Redis) => Promise<void>): Promise<void> {
  await withRedisServer(async (server) => {
    const redis = connect(server);
    try {
      await test(redis);
    } finally {
      redis.disconnect();
    }
  });
}
