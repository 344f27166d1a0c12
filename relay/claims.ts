import { z } from 'zod';
import { claimSeconds, wroteLua } from '../shared/store/boxes/intake.ts';
import { keys } from '../shared/store/redis/keys.ts';
import type { Message } from '../shared/store/message.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { defineScript, runScript } from '../shared/store/redis/script.ts';

/** Which incoming messages are known. */
export type Claims = {
  /** Those of the ids that were never heard of, in one trip to Redis. */
  unknown(ids: readonly string[]): Promise<Set<string>>;
  /**
   * Notes that a message is not taken in since its sender was over the limit, and was told so:
   * nothing takes it in later, since the person sends it again. One that was taken in before stays
   * so. Throws when Redis did not take it.
   */
  refuse(message: Message): Promise<void>;
};

const unknownScript = defineScript({
  name: 'sidepocketUnknown',
  args: ['messagePrefix'],
  rest: 'ids',
  // Returns those without a claim.
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

/** What is known of a message is kept for `retentionDays`. */
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
