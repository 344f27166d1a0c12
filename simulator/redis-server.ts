import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { Redis } from 'ioredis';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { endWithUs } from './child-process.ts';
import { freePort } from './free-port.ts';

export type RedisServer = Running & {
  url: string;
  port: number;
  pid: number;
  /** Where its data is. */
  dir: string;
  /** Settles when its process has ended, whatever ended it. */
  ended: Promise<void>;
};

/**
 * How long a Redis may take to answer after its start (ms): it reads its append-only file first.
 */
const startPatience = 15_000;

/**
 * Starts a separate Redis on 127.0.0.1 with its data in `dir`, configured as in production: nothing
 * is evicted, and every write is on disk before it is acknowledged. `port` 0 takes any. Throws when
 * it does not answer.
 */
export async function runRedisServer({
  dir,
  port = 0,
  environment,
}: {
  dir: string;
  port?: number;
  environment?: Record<string, string>;
}): Promise<RedisServer> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const own = port || (await freePort(0));
  const child = spawn(
    'redis-server',
    [
      '--port',
      String(own),
      '--bind',
      '127.0.0.1',
      '--dir',
      dir,
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--save',
      '',
      '--maxmemory-policy',
      'noeviction',
      '--set-proc-title',
      'no',
    ],
    { stdio: 'ignore', detached: true, ...(environment ? { env: environment } : {}) },
  );
  endWithUs(child);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const url = `redis://127.0.0.1:${own}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  };
  const ready = await Promise.race([answers(url), ended.then(() => false)]);
  if (!ready || child.pid === undefined) {
    await stop();
    throw new Error(`redis-server did not start on port ${own}`);
  }
  return { url, port: own, pid: child.pid, dir, ended, stop };
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => 25,
    lazyConnect: true,
  });
  redis.on('error', () => undefined);
  const timer = setTimeout(() => redis.disconnect(), startPatience);
  try {
    // While Redis reads its file it is connected but not ready; ioredis waits for that.
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}
