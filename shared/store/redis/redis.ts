import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { Log } from '../../runtime/log.ts';

export type { Redis } from 'ioredis';

/**
 * `fail-fast` is for a process that must answer within 2 s (the relay): a command fails at once
 * while Redis is away and after 1.5 s when it is slow. `patient` is for a process that waits and
 * continues (the worker, as BullMQ's guide requires).
 */
export type RedisManner = 'fail-fast' | 'patient';

const manners: Record<
  RedisManner,
  Pick<
    RedisOptions,
    | 'enableOfflineQueue'
    | 'autoResendUnfulfilledCommands'
    | 'maxRetriesPerRequest'
    | 'commandTimeout'
    | 'connectTimeout'
  >
> = {
  'fail-fast': {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 1500,
    connectTimeout: 1500,
  },
  patient: { maxRetriesPerRequest: null },
};

/**
 * Emitted on the original connection when it, or a duplicate of it, has met a Redis that accepts no
 * writes.
 */
export const demotedEvent = 'demoted';

/**
 * Opens a connection and keeps it open: it reconnects by itself, at the latest every 2 s, also when
 * its Redis no longer accepts writes: after a fail-over the address leads to another server, and
 * the old connection does not. `url` is `redis://` or `rediss://`; both IPv4 and IPv6 are tried.
 * Problems are logged once per outage. Duplicates of this connection, such as BullMQ's, behave
 * alike.
 */
export function connectRedis(url: string, manner: RedisManner, log: Log): Redis {
  const demotions = createDemotions();
  const redis: Redis = new Redis(url, {
    ...manners[manner],
    family: 0,
    retryStrategy: (times: number) =>
      Math.max(Math.min(50 * 2 ** times, 2000), demotions.pauseMs()),
    reconnectOnError(error) {
      if (!isDemotion(error)) return false;
      if (demotions.note()) {
        log.warn({ err: error }, 'Redis is read-only: reconnecting');
        redis.emit(demotedEvent);
      }
      // A connection that never resends leaves that to its caller.
      return manner === 'patient' && isAlone(error) ? 2 : 1;
    },
  });
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

/**
 * Whether Redis reports that it is no primary, has no primary, or is loading its data. Redis 6
 * reports it in the middle of a script's error.
 */
export function isDemotion(error: Error): boolean {
  return /(?:^|-)(?:READONLY|MASTERDOWN|LOADING) /.test(error.message);
}

/** Commands that are never part of a transaction here: resending them on their own is safe. */
const alone = new Set([
  'eval',
  'evalsha',
  'bzpopmin',
  'bzpopmax',
  'brpoplpush',
  'blmove',
  'get',
  'set',
  'incr',
  'info',
  'subscribe',
]);

function isAlone(error: Error): boolean {
  const { command } = error as Error & { command?: { name?: string } };
  return command?.name !== undefined && alone.has(command.name.toLowerCase());
}

/** Further demotions within this time (ms) count as the same one. */
const sameMs = 10_000;

/**
 * Spaces out reconnects while the address still leads to a Redis without writes. `note` returns
 * whether a new outage begins.
 */
function createDemotions(): { note(): boolean; pauseMs(): number } {
  let last = Number.NEGATIVE_INFINITY;
  let count = 0;
  return {
    note() {
      const isNew = Date.now() - last > sameMs;
      count = isNew ? 0 : count + 1;
      last = Date.now();
      return isNew;
    },
    pauseMs: () => (Date.now() - last > sameMs ? 0 : Math.min(50 * 2 ** count, 2000)),
  };
}
