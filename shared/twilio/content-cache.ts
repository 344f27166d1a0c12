import { keys } from '../store/redis/keys.ts';
import type { Redis } from '../store/redis/redis.ts';

/** Twilio's contents by the digest of their definition. */
export type Contents = {
  /**
   * The content's id; `refused` if Twilio recently refused it, or any content; undefined if it has
   * to be created.
   */
  find(digest: string): Promise<{ sid: string } | 'refused' | undefined>;
  /** Stores the content of a definition, replacing an earlier one. */
  keep(digest: string, sid: string): Promise<void>;
  /** Notes that the definition of a content has words that were said to this address. */
  noteWords(address: string, digest: string, sid: string): Promise<void>;
  /** The ids of the contents that were noted for an address. */
  withWordsTo(address: string): Promise<string[]>;
  /** Forgets a content that is deleted at Twilio. */
  drop(address: string, sid: string): Promise<void>;
  /**
   * Forgets a content that no question has used for `idleMs`. Returns whether it may be deleted at
   * Twilio: that is so, too, where another or no content is stored for the definition.
   */
  dropIdle(digest: string, sid: string, idleMs: number): Promise<boolean>;
  /**
   * Remembers for the given seconds that Twilio refuses this definition; `every`: any definition.
   */
  refuse(digest: string | 'every', seconds: number): Promise<void>;
};

/**
 * A content unused for this long (seconds) is dropped here and created again on demand: 60 days.
 */
const lifetime = 60 * 24 * 3600;

/** Stores them in Redis, so that a content is created once, whichever process sends first. */
export function createContents(redis: Redis): Contents {
  return {
    async find(digest) {
      if ((await redis.exists(keys.contentRefused('every'), keys.contentRefused(digest))) > 0)
        return 'refused';
      const sid = await redis.getex(keys.content(digest), 'EX', lifetime);
      return sid ? { sid } : undefined;
    },
    async keep(digest, sid) {
      await redis.set(keys.content(digest), sid, 'EX', lifetime);
    },
    async noteWords(address, digest, sid) {
      await redis.hset(keys.contentsOf(address), sid, digest);
    },
    withWordsTo: (address) => redis.hkeys(keys.contentsOf(address)),
    async drop(address, sid) {
      const digest = await redis.hget(keys.contentsOf(address), sid);
      if (digest !== null && (await redis.get(keys.content(digest))) === sid)
        await redis.del(keys.content(digest));
      await redis.hdel(keys.contentsOf(address), sid);
    },
    async dropIdle(digest, sid, idleMs) {
      const key = keys.content(digest);
      if ((await redis.get(key)) !== sid) return true;
      if (lifetime * 1000 - (await redis.pttl(key)) < idleMs) return false;
      await redis.del(key);
      return true;
    },
    async refuse(digest, seconds) {
      await redis.set(keys.contentRefused(digest), '1', 'EX', seconds);
    },
  };
}

/** Stores them in this process only. */
export function createMemoryContents(now: () => number = Date.now): Contents {
  const made = new Map<string, { sid: string; usedAt: number }>();
  const refused = new Map<string, number>();
  const noted = new Map<string, Map<string, string>>();
  const isRefused = (digest: string): boolean => (refused.get(digest) ?? -Infinity) > now();
  return {
    async find(digest) {
      if (isRefused('every') || isRefused(digest)) return 'refused';
      const content = made.get(digest);
      if (content) content.usedAt = now();
      return content && { sid: content.sid };
    },
    async keep(digest, sid) {
      made.set(digest, { sid, usedAt: now() });
    },
    async noteWords(address, digest, sid) {
      noted.set(address, (noted.get(address) ?? new Map()).set(sid, digest));
    },
    withWordsTo: async (address) => [...(noted.get(address)?.keys() ?? [])],
    async drop(address, sid) {
      const digest = noted.get(address)?.get(sid) ?? '';
      if (made.get(digest)?.sid === sid) made.delete(digest);
      noted.get(address)?.delete(sid);
    },
    async dropIdle(digest, sid, idleMs) {
      const content = made.get(digest);
      if (content?.sid !== sid) return true;
      return now() - content.usedAt >= idleMs && made.delete(digest);
    },
    async refuse(digest, seconds) {
      refused.set(digest, now() + seconds * 1000);
    },
  };
}
