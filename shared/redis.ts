import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { Log } from './log.ts';

export type { Redis } from 'ioredis';

/**
 * `fail-fast` is for a process that must answer within 2 s (the relay): a command fails at once while Redis is away and
 * after 1.5 s when it is slow. `patient` is for one that waits and goes on (the worker, as BullMQ's guide demands).
 */
export type RedisManner = 'fail-fast' | 'patient';

const manners: Record<RedisManner, Pick<RedisOptions, 'enableOfflineQueue' | 'autoResendUnfulfilledCommands' | 'maxRetriesPerRequest' | 'commandTimeout' | 'connectTimeout'>> = {
  'fail-fast': { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, commandTimeout: 1500, connectTimeout: 1500 },
  patient: { maxRetriesPerRequest: null },
};

/**
 * Opens a connection and keeps it open: it reconnects by itself, at the latest every 2 s.
 * `url` is `redis://` or `rediss://`; both IPv4 and IPv6 are tried. Problems are logged once per outage.
 */
export function connectRedis(url: string, manner: RedisManner, log: Log): Redis {
  const redis = new Redis(url, { ...manners[manner], family: 0, retryStrategy: (times: number) => Math.min(50 * 2 ** times, 2000) });
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) log.warn({ err: error }, 'Redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info('Redis is back');
    away = false;
  });
  return redis;
}
