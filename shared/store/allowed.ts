import { FencedError } from './boxes/inbox.ts';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

/**
 * Lua that tells since when an address may write (ISO 8601; '' for from the beginning), nil when it
 * may not. As long as no relay has written the list, or where it cannot be read, each address may
 * write: the relay's own list decides then.
 */
export const allowedLua = `
  local function allowedSince(allowed, address)
    local list = redis.pcall('HGET', allowed, 'list')
    if type(list) ~= 'string' then return '' end
    local since = string.match(redis.call('HGET', allowed, address) or '', '^allowed since ([^,]+)')
    return since == 'the beginning' and '' or since
  end`;

/**
 * Thrown when a step would work for a person who may not write any more. What they had waiting is
 * set aside; the caller stops without a word to them.
 */
export class NotAllowedError extends FencedError {
  override name = 'NotAllowedError';
}

/** Who may write, as Redis has it. A relay writes it from its variable. */
export type Allowed = {
  /** Whether this conversation's person may write. */
  has(conversation: string): Promise<boolean>;
  /**
   * The conversation of the owner; undefined when no relay has named one, or when they may not
   * write.
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
