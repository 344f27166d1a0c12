import { z } from 'zod';
import { claimSeconds } from '../shared/store/boxes/intake.ts';
import { keys } from '../shared/store/redis/keys.ts';
import type { Message } from '../shared/store/message.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { runScript } from '../shared/store/redis/script.ts';
import { loadScript } from '../shared/store/redis/script-file.ts';

/**
 * Looks up which incoming messages are known. Whether a message is a duplicate is decided when it
 * is stored: in `shared/store/boxes/intake.ts`, whose script is `accept.lua`.
 */
export type Claims = {
  /** The ids that have no claim, in one trip to Redis. */
  unknown(ids: readonly string[]): Promise<Set<string>>;
  /**
   * Notes that a message was refused because its sender was over the rate limit and was told to
   * send it again, so no backfill takes it in later. A message that was accepted before stays
   * accepted. Throws when Redis did not store it.
   */
  refuse(message: Message): Promise<void>;
};

const unknownScript = loadScript(new URL('lua/unknown.lua', import.meta.url), {
  args: ['messagePrefix'],
  rest: 'ids',
});

const refuseScript = loadScript(new URL('lua/refuse.lua', import.meta.url), {
  keys: ['message', 'conversationKey'],
  args: ['lifetimeSeconds', 'conversation', 'at'],
});

/** A claim is kept for `retentionDays`. */
export function createClaims(redis: Redis, retentionDays: number): Claims {
  return {
    async unknown(ids) {
      if (ids.length === 0) return new Set();
      const unknown = await runScript(redis, unknownScript, {
        args: { messagePrefix: keys.message('') },
        rest: ids,
      });
      return new Set(z.array(z.string()).parse(unknown));
    },
    async refuse({ id, conversation, at }) {
      await runScript(redis, refuseScript, {
        keys: { message: keys.message(id), conversationKey: keys.conversation(conversation) },
        args: { lifetimeSeconds: claimSeconds(retentionDays), conversation, at },
      });
    },
  };
}
