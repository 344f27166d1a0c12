import { keys } from '../store/redis/keys.ts';
import type { Redis } from '../store/redis/redis.ts';

/** What is known of Twilio's contents, by the digest of their definition. */
export type Contents = {
  /**
   * The content's id; `refused` when Twilio did not take it, or any content, a while ago; undefined
   * when it is to be made.
   */
  find(digest: string): Promise<{ sid: string } | 'refused' | undefined>;
  /** Remembers the content that was made for a definition, in place of an earlier one. */
  keep(digest: string, sid: string): Promise<void>;
  /** Remembers for so many seconds that this definition is not taken; `every`: that none is. */
  refuse(digest: string | 'every', seconds: number): Promise<void>;
};

/**
 * A content that nobody has used for so long (seconds) is forgotten here and made anew when it is
 * wanted: 60 days.
 */
const lifetime = 60 * 24 * 3600;

/** Remembered in Redis, so that a content is made once, whichever process sends first. */
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
    async refuse(digest, seconds) {
      await redis.set(keys.contentRefused(digest), '1', 'EX', seconds);
    },
  };
}

/** Remembered by this process alone. */
export function createMemoryContents(now: () => number = Date.now): Contents {
  const made = new Map<string, string>();
  const refused = new Map<string, number>();
  const isRefused = (digest: string): boolean => (refused.get(digest) ?? -Infinity) > now();
  return {
    async find(digest) {
      if (isRefused('every') || isRefused(digest)) return 'refused';
      const sid = made.get(digest);
      return sid ? { sid } : undefined;
    },
    async keep(digest, sid) {
      made.set(digest, sid);
    },
    async refuse(digest, seconds) {
      refused.set(digest, now() + seconds * 1000);
    },
  };
}
