import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** The last complete snapshot of a person's home. */
export type HomeSnapshot = {
  /** When it was taken (ms since 1970, whole seconds). */
  at: number;
  /** Files, directories and links in it, and the bytes of the files. */
  files: number;
  bytes: number;
  /** What it lacks, in words; '' for nothing. */
  leftOut: string;
};

/** A restore that was asked for: its token, and the moment before which the snapshot was taken. */
export type WantedRestore = { token: string; before: number | undefined };

/** What Redis knows about the snapshots of people's homes. */
export type HomeSnapshots = {
  /** The last complete snapshot of a person's home; undefined without one. */
  last(person: string): Promise<HomeSnapshot | undefined>;
  /** Notes a complete snapshot, and that snapshots no longer fail. */
  note(person: string, snapshot: HomeSnapshot): Promise<void>;
  /** Forgets the last snapshot, which is in the repository no more. */
  forget(person: string): Promise<void>;
  /** Notes that snapshots fail; false when that was known. */
  noteFailing(person: string, since: Date): Promise<boolean>;
  /**
   * Makes a person's repository, unless another worker is at it: then returns when that one is
   * done. Throws what `make` throws, and when the wait is aborted.
   */
  makeOnce(person: string, make: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Asks for a restore before the conversation's next turn; replaces an earlier request. */
  ask(conversation: string, wanted: WantedRestore): Promise<void>;
  wanted(conversation: string): Promise<WantedRestore | undefined>;
  /** Notes what became of a request, which is then over. */
  finish(conversation: string, token: string, outcome: string): Promise<void>;
  /** What became of a request; undefined while it waits. */
  outcome(conversation: string, token: string): Promise<string | undefined>;
};

/** How long a request and its outcome are kept (seconds): a week. */
const requestSeconds = 7 * 24 * 3600;

/**
 * How long a worker has for making a repository (ms): more than it takes until its command is
 * killed. After a crash others wait for as long.
 */
const makingMs = 180_000;

/** How often it is looked whether another worker is done (ms). */
const lookMs = 100;

const endMakingScript = loadScript(new URL('lua/end-making.lua', import.meta.url), {
  keys: ['making'],
  args: ['token'],
});

const Stored = z.object({
  at: z.coerce.number(),
  files: z.coerce.number().default(0),
  bytes: z.coerce.number().default(0),
  leftOut: z.string().default(''),
});

export function createHomeSnapshots(redis: Redis): HomeSnapshots {
  return {
    async last(person) {
      return Stored.safeParse(await redis.hgetall(keys.homeSnapshot(person))).data;
    },
    async note(person, snapshot) {
      const key = keys.homeSnapshot(person);
      await redis.multi().hset(key, snapshot).hdel(key, 'failing').exec();
    },
    async forget(person) {
      await redis.del(keys.homeSnapshot(person));
    },
    async noteFailing(person, since) {
      return (await redis.hsetnx(keys.homeSnapshot(person), 'failing', since.toISOString())) === 1;
    },
    async makeOnce(person, make, signal) {
      const making = keys.makingRepository(person);
      const token = randomBytes(8).toString('hex');
      await redis.set(making, token, 'PX', makingMs, 'NX');
      // Its reply may have been lost, and the command sent again.
      if ((await redis.get(making)) !== token) {
        while ((await redis.exists(making)) === 1) await sleep(lookMs, undefined, { signal });
        return;
      }
      try {
        await make();
      } finally {
        await runScript(redis, endMakingScript, { keys: { making }, args: { token } });
      }
    },
    async ask(conversation, { token, before }) {
      const key = keys.restore(conversation);
      await redis
        .multi()
        .hset(key, { wanted: token, before: before ?? '' })
        .expire(key, requestSeconds)
        .exec();
    },
    async wanted(conversation) {
      const [token, before] = await redis.hmget(keys.restore(conversation), 'wanted', 'before');
      if (!token) return undefined;
      return { token, before: before ? Number(before) : undefined };
    },
    async finish(conversation, token, outcome) {
      const key = keys.restore(conversation);
      if ((await redis.hget(key, 'wanted')) !== token) return;
      await redis
        .multi()
        .hdel(key, 'wanted', 'before')
        .hset(key, { done: token, outcome })
        .expire(key, requestSeconds)
        .exec();
    },
    async outcome(conversation, token) {
      const [done, outcome] = await redis.hmget(keys.restore(conversation), 'done', 'outcome');
      return done === token ? (outcome ?? '') : undefined;
    },
  };
}
