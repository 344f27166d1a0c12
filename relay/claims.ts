import { z } from 'zod';
import { claimSeconds, wroteLua } from '../shared/intake.ts';
import { keys } from '../shared/keys.ts';
import type { Message } from '../shared/message.ts';
import type { Redis } from '../shared/redis.ts';
import { runScript } from '../shared/script.ts';
import type { Script } from '../shared/script.ts';

/** Which incoming messages are known. */
export type Claims = {
  /** Those of the ids that were never heard of, in one trip to Redis. */
  unknown(ids: readonly string[]): Promise<Set<string>>;
  /**
   * Notes that a message is not taken in since its sender was over the limit, and was told so: nothing takes it in later, since the person sends it again. One that was taken in
   * before stays so. Throws when Redis did not take it.
   */
  refuse(message: Message): Promise<void>;
};

const unknownScript: Script = {
  name: 'sidepocketUnknown',
  keys: 0,
  // ARGV: prefix of the message keys, ids… Returns those without a claim.
  lua: `-- derives message:*
    local unknown = {}
    for i = 2, #ARGV do
      if redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 0 then unknown[#unknown + 1] = ARGV[i] end
    end
    return unknown`,
};

const refuseScript: Script = {
  name: 'sidepocketRefuse',
  keys: 2,
  // KEYS: message, conversation. ARGV: lifetime, conversation, at.
  lua: `${wroteLua}
    if redis.call('HSETNX', KEYS[1], 'conversation', ARGV[2]) == 0 then return 0 end
    redis.call('HSET', KEYS[1], 'state', 'refused', 'at', ARGV[3])
    redis.call('EXPIRE', KEYS[1], ARGV[1])
    noteWord(KEYS[2], ARGV[3])
    return 1`,
};

/** What is known of a message is kept for `retentionDays`. */
export function createClaims(redis: Redis, retentionDays: number): Claims {
  return {
    async unknown(ids) {
      if (ids.length === 0) return new Set();
      return new Set(z.array(z.string()).parse(await runScript(redis, unknownScript, [keys.message(''), ...ids])));
    },
    async refuse({ id, conversation, at }) {
      await runScript(redis, refuseScript, [keys.message(id), keys.conversation(conversation), claimSeconds(retentionDays), conversation, at]);
    },
  };
}
