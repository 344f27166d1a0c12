import { FencedError } from './boxes/inbox.ts';
import { z } from 'zod';
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
  /** Those of these conversations whose people may not write, in one command for 500. */
  without(conversations: readonly string[]): Promise<string[]>;
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

const notAllowedScript = loadScript(new URL('lua/not-allowed.lua', import.meta.url), {
  keys: ['allowed'],
  rest: 'addresses',
});

/** How many addresses one step checks: the script blocks Redis meanwhile. */
const batch = 500;

const ownerScript = loadScript(new URL('lua/owner.lua', import.meta.url), {
  keys: ['allowed'],
});

export function createAllowed(redis: Redis): Allowed {
  const without = async (conversations: readonly string[]): Promise<string[]> => {
    const out: string[] = [];
    for (let index = 0; index < conversations.length; index += batch) {
      const found = await runScript(redis, notAllowedScript, {
        keys: { allowed: keys.allowed },
        rest: conversations.slice(index, index + batch),
      });
      out.push(...z.array(z.string()).parse(found));
    }
    return out;
  };
  return {
    has: async (conversation) => (await without([conversation])).length === 0,
    without,
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
