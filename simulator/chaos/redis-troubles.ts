import { cp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Member } from './member.ts';
import type { Forgotten } from './verdict.ts';

/**
 * The troubles of a Redis short of its death. Each resolves when it is over; false when Redis was
 * already down.
 */
export type RedisTroubles = {
  /** Leaves it no memory for this time (ms): it refuses every write that needs memory. */
  fill(ms: number): Promise<boolean>;
  /**
   * Makes it a replica of an absent master for this time (ms): it answers reads and refuses every
   * write.
   */
  demote(ms: number): Promise<boolean>;
  /**
   * Copies its data, lets it run for `ms`, kills it and starts it with the copy after `restartMs`:
   * the writes in between are lost.
   */
  restore(ms: number, restartMs: number): Promise<boolean>;
  /**
   * Breaks every connection repeatedly for this time (ms), also between a command and its reply.
   */
  cut(ms: number): Promise<boolean>;
  /** The periods that restored copies have lost. */
  forgotten: readonly Forgotten[];
  stop(): void;
};

/** The pause between two cuts (ms). */
const cutEveryMs = 70;
/** The time limit for the relay to accept again what a restored Redis has lost (ms). */
const undoPatience = 5000;

/** @param dir where the Redis of `member` keeps its data. */
export function createRedisTroubles(url: string, dir: string, member: () => Member): RedisTroubles {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  const call = async (...words: [string, ...string[]]): Promise<unknown> =>
    await redis.call(...words);
  const forgotten: Forgotten[] = [];
  let busy = Promise.resolve();
  // One at a time: two would end each other prematurely.
  const alone = async (act: () => Promise<void>): Promise<boolean> => {
    if (member().pid === undefined) return false;
    const mine = busy.then(act);
    busy = mine.catch(() => undefined);
    return await mine.then(
      () => true,
      () => false,
    );
  };
  /** Undoes the trouble, also in a Redis that was killed and restarted in between. */
  const undo = async (...words: [string, ...string[]]): Promise<void> => {
    await Promise.race([call(...words), sleep(undoPatience, undefined, { ref: false })]);
  };
  return {
    fill: async (ms) =>
      await alone(async () => {
        await call('CONFIG', 'SET', 'maxmemory', '1mb');
        await sleep(ms);
        await undo('CONFIG', 'SET', 'maxmemory', '0');
      }),
    demote: async (ms) =>
      await alone(async () => {
        await call('REPLICAOF', '127.0.0.1', '1');
        await sleep(ms);
        await undo('REPLICAOF', 'NO', 'ONE');
      }),
    restore: async (ms, restartMs) =>
      await alone(async () => {
        const [copy, from] = [`${dir}-copy`, Date.now()];
        await rm(copy, { recursive: true, force: true });
        await cp(dir, copy, { recursive: true });
        await sleep(ms);
        await member().crash(restartMs, async () => {
          forgotten.push({ from, to: Date.now() });
          await rm(dir, { recursive: true, force: true });
          await cp(copy, dir, { recursive: true });
        });
      }),
    cut: async (ms) =>
      await alone(async () => {
        for (const end = Date.now() + ms; Date.now() < end;) {
          await call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
          await sleep(cutEveryMs);
        }
      }),
    forgotten,
    stop: () => redis.disconnect(),
  };
}
