import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';

/** A Redis of the test's own, with a connection to it, for as long as `test` takes. */
export async function withRedis(test: (redis: Redis) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-redis-'));
  const server = await runRedisServer({ dir });
  const redis = connectRedis(server.url, 'patient', createLog('test', 'silent'));
  try {
    await test(redis);
  } finally {
    redis.disconnect();
    await server.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}
