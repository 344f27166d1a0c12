import { FencedError } from './boxes/inbox.ts';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

/**
 * Lua that returns since when an address may write (ISO 8601; '' for from the beginning), nil if it
 * may not. Until a relay has written the list, or if it cannot be read, every address may write:
 * the relay's own list decides then.
 */
export const allowedLua = `
  local function allowedSince(allowed, address)
    local list = redis.pcall('HGET', allowed, 'list')
    if type(list) ~= 'string' then return '' end
    local since = string.match(redis.call('HGET', allowed, address) or '', '^allowed since ([^,]+)')
    return since == 'the beginning' and '' or since
  end`;

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
};

const hasScript = defineScript({
  name: 'sidepocketAllowedSince',
  keys: ['allowed'],
  args: ['address'],
  lua: `${allowedLua}
    return allowedSince(allowed, address) and 1 or 0`,
});

const ownerScript = defineScript({
  name: 'sidepocketOwner',
  keys: ['allowed'],
  lua: `${allowedLua}
    local owner = redis.pcall('HGET', allowed, 'owner')
    return type(owner) == 'string' and allowedSince(allowed, owner) and owner or ''`,
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
  };
}
