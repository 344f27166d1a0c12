import { FencedError } from './boxes/inbox.ts';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/**
 * Thrown when a step would work for a person who may no longer write. Their waiting messages are
 * set aside; the caller stops without notifying them.
 */
export class NotAllowedError extends FencedError {
  override name = 'NotAllowedError';
}

/** The allow list in Redis. A relay writes it from its variable. */
export type Allowed = {
  /** Whether this conversation's person may write. */
  has(conversation: string): Promise<boolean>;
  /**
   * The owner's conversation; undefined if no relay has named an owner, or the owner may not write.
   */
  owner(): Promise<string | undefined>;
  /** Since when an address may write, or no longer may, in words; undefined if it never could. */
  words(address: string): Promise<string | undefined>;
  /** Who may write: the words of each address, without other spellings of a number. */
  all(): Promise<ReadonlyMap<string, string>>;
};

/** Whether the words of an address say that it may write, as itself. */
export function isListed(words: string | undefined): boolean {
  return /^allowed since [^,]+, (?:by|invited by) /.test(words ?? '');
}

/** Whether they say that the owner has removed the person in the chat. */
export function isOut(words: string | undefined): boolean {
  return /^removed [^,]+, by \S+ in the chat$/.test(words ?? '');
}

/** Whether they say that the owner has invited the person in the chat. */
export function isInvited(words: string | undefined): boolean {
  return /^allowed since [^,]+, invited by /.test(words ?? '');
}

const hasScript = loadScript(new URL('lua/allowed-since.lua', import.meta.url), {
  keys: ['allowed'],
  args: ['address'],
});

const ownerScript = loadScript(new URL('lua/owner.lua', import.meta.url), {
  keys: ['allowed'],
});

export function createAllowed(redis: Redis): Allowed {
  return {
    async has(conversation) {
      const where = { allowed: keys.allowed };
      return (
        (await runScript(redis, hasScript, { keys: where, args: { address: conversation } })) === 1
      );
    },
    async owner() {
      const owner = await runScript(redis, ownerScript, { keys: { allowed: keys.allowed } });
      return typeof owner === 'string' && owner !== '' ? owner : undefined;
    },
    words: async (address) => (await redis.hget(keys.allowed, address)) ?? undefined,
    async all() {
      const entries = Object.entries(await redis.hgetall(keys.allowed));
      return new Map(entries.filter(([, words]) => isListed(words)));
    },
  };
}
