import { z } from 'zod';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys } from './keys.ts';
import type { PaceLimit } from './pace.ts';
import { reserveLua } from './pace.ts';
import type { Redis } from './redis.ts';
import { Reply, addressLua } from './reply.ts';
import { fieldsOf, runScript } from './script.ts';
import type { Script } from './script.ts';

/**
 * What is to be done about a conversation's outbox: nothing, since it is empty; to wait so many milliseconds; to send a reply, whose attempt is noted; or to look one up
 * whose last attempt has an unknown end.
 */
export type Departure = { kind: 'none' } | { kind: 'wait'; ms: number } | { kind: 'send' | 'look-up'; reply: Reply };

/** Finds the reply that goes next, holds it back as the pace demands, and notes that Twilio is about to be asked: all in one trip to Redis. */
export type Departures = {
  /** `now` is in ms since 1970. Throws FencedError. */
  next(conversation: string, fence: Fence, now: number): Promise<Departure>;
};

const nextScript: Script = {
  name: 'sidepocketDeparture',
  keys: 4,
  // KEYS: lock, outbox, pace, conversation. ARGV: token, prefix of the reply keys, now (ms), now (ISO 8601), interval (ms), burst.
  lua: `${reserveLua}
    ${addressLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'fenced' } end
    local now = tonumber(ARGV[3])
    for id in function() return redis.call('LINDEX', KEYS[2], 0) or nil end do
      local key = ARGV[2] .. id
      local status, sid, notBefore = unpack(redis.call('HMGET', key, 'status', 'sid', 'notBefore'))
      if status == 'posting' and not sid then return { 'look-up', id, redis.call('HGETALL', key) } end
      if status == 'waiting' then
        local wait = tonumber(notBefore or '0') - now
        if wait <= 0 then wait = reserve(KEYS[3], now, tonumber(ARGV[5]), tonumber(ARGV[6])) end
        if wait > 0 then return { 'wait', math.ceil(wait) } end
        redis.call('HSET', key, 'status', 'posting', 'attemptedAt', ARGV[4])
        redis.call('HINCRBY', key, 'attempts', 1)
        address(KEYS[4], key)
        return { 'send', id, redis.call('HGETALL', key) }
      end
      -- Settled by a status callback, or forgotten after its lifetime: it must not hold up what follows.
      redis.call('LREM', KEYS[2], 1, id)
    end
    return { 'none' }`,
};

const Found = z.union([
  z.tuple([z.literal('fenced')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('none')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('wait'), z.number()]).transform(([kind, ms]) => ({ kind, ms })),
  z.tuple([z.enum(['send', 'look-up']), z.string(), z.array(z.string())]).transform(([kind, id, fields]) => ({ kind, id, reply: Reply.safeParse(fieldsOf(fields)).data })),
]);

/** `limit` is the pace at which one person is written to. */
export function createDepartures(redis: Redis, limit: PaceLimit): Departures {
  const find = async (conversation: string, fence: Fence, now: number): Promise<z.infer<typeof Found>> =>
    Found.parse(await runScript(redis, nextScript, [fence.lock, keys.outbox(conversation), keys.pace(conversation), keys.conversation(conversation), fence.token, keys.reply(''), now, new Date(now).toISOString(), limit.intervalMs, limit.burst]));
  return {
    async next(conversation, fence, now) {
      for (;;) {
        const found = await find(conversation, fence, now);
        if (found.kind === 'fenced') throw new FencedError('another worker has this delivery');
        if (found.kind === 'none' || found.kind === 'wait') return found;
        const { kind, id, reply } = found;
        if (reply) return { kind, reply };
        // Not ours: it must not hold up what follows either.
        await redis.lrem(keys.outbox(conversation), 1, id);
      }
    },
  };
}
