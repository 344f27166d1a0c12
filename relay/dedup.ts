import { z } from 'zod';
import { claimSeconds, wroteLua } from '../shared/store/boxes/intake.ts';
import { keys } from '../shared/store/redis/keys.ts';
import type { Message } from '../shared/store/message.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { defineScript, runScript } from '../shared/store/redis/script.ts';

/** Tells which incoming messages are known. */
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

const unknownScript = defineScript({
  name: 'sidepocketUnknown',
  args: ['messagePrefix'],
  rest: 'ids',
  // Returns the ids without a claim.
  lua: `-- derives message:*
    local unknown = {}
    for _, id in ipairs(ids) do
      if redis.call('EXISTS', messagePrefix .. id) == 0 then unknown[#unknown + 1] = id end
    end
    return unknown`,
});

const refuseScript = defineScript({
  name: 'sidepocketRefuse',
  keys: ['message', 'conversationKey'],
  args: ['lifetimeSeconds', 'conversation', 'at'],
  lua: `${wroteLua}
    if redis.call('HSETNX', message, 'conversation', conversation) == 0 then return 0 end
    redis.call('HSET', message, 'state', 'refused', 'at', at)
    redis.call('EXPIRE', message, lifetimeSeconds)
    noteWord(conversationKey, at)
    return 1`,
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
