import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { allowedLua } from './allowed.ts';
import { boxesLua } from './boxes.ts';
import { buryLua } from './dead-letters.ts';
import { epochLua, epochMemory } from './epoch.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys, prefix } from './keys.ts';
import type { PaceLimit } from './pace.ts';
import { reserveLua } from './pace.ts';
import type { Redis } from './redis.ts';
import { Reply, ReplyStatus, addressLua } from './reply.ts';
import { retentionSeconds, usualRetentionDays } from './retention.ts';
import { fieldsOf, runScript } from './script.ts';
import type { Script } from './script.ts';
import { setAsideLua } from './set-aside.ts';

/**
 * What is to be done about a conversation's outbox: nothing, since it is empty; to wait so many milliseconds; to send a reply, whose attempt is noted; or to look one up
 * whose last attempt has an unknown end. What cannot be read goes to the dead list, and a sentence to its place. What is for a person who may not write any
 * more is set aside.
 */
export type Departure = { kind: 'none' } | { kind: 'wait'; ms: number } | { kind: 'send' | 'look-up'; reply: Reply };

/** Finds the reply that goes next, holds it back as the pace demands, and notes that Twilio is about to be asked: all in one trip to Redis. */
export type Departures = {
  /** `now` is in ms since 1970. Throws FencedError. */
  next(conversation: string, fence: Fence, now: number): Promise<Departure>;
};

const nextScript: Script = {
  name: 'sidepocketDeparture',
  keys: 6,
  // KEYS: lock, outbox, pace, conversation, allowed, epoch. ARGV: token, prefix of the reply keys, now (ms), now (ISO 8601), interval (ms), burst, prefix, conversation, highest
  // count of the epoch that is known, call.
  // A status that is not known was written by a later version.
  lua: `-- derives reply:*
    ${reserveLua}
    ${addressLua}
    ${allowedLua}
    ${setAsideLua}
    ${boxesLua}
    ${epochLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'fenced' } end
    if not allowedSince(KEYS[5], ARGV[8]) then
      setAside(ARGV[7], ARGV[8])
      return { 'none' }
    end
    local now, since, count = tonumber(ARGV[3]), epochOf(KEYS[6], ARGV[4], ARGV[9])
    local known = { ${ReplyStatus.options.map((status) => `${status} = true`).join(', ')} }
    for id in function() return redis.call('LINDEX', KEYS[2], 0) or nil end do
      local key = ARGV[2] .. id
      if redis.call('TYPE', key)['ok'] ~= 'hash' and redis.call('EXISTS', key) == 1 then return { 'unreadable', id } end
      local status, sid, notBefore = unpack(redis.call('HMGET', key, 'status', 'sid', 'notBefore'))
      if status and not known[status] then return { 'unreadable', id } end
      -- The very note of this call, whose reply was lost.
      if status == 'posting' and redis.call('HGET', key, 'noted') == ARGV[10] then return { 'send', id, redis.call('HGETALL', key) } end
      if status == 'posting' and not sid then return { 'look-up', id, redis.call('HGETALL', key) } end
      -- A reply that is older than the store as it is now may have been sent by what the store has lost.
      local said, at, checked = unpack(redis.call('HMGET', key, 'saidAt', 'at', 'checked'))
      said = said or at
      if status == 'waiting' and since ~= '' and said and said < since and checked ~= since then
        redis.call('HSET', key, 'status', 'posting', 'attemptedAt', said, 'checked', since)
        redis.call('HSETNX', key, 'attempts', 0)
        return { 'look-up', id, redis.call('HGETALL', key) }
      end
      if status == 'waiting' then
        local wait = tonumber(notBefore or '0') - now
        if wait <= 0 then wait = reserve(KEYS[3], now, tonumber(ARGV[5]), tonumber(ARGV[6])) end
        if wait > 0 then return { 'wait', math.ceil(wait) } end
        redis.call('HSET', key, 'status', 'posting', 'attemptedAt', ARGV[4], 'noted', ARGV[10])
        redis.call('HINCRBY', key, 'attempts', 1)
        address(KEYS[4], key)
        return { 'send', id, redis.call('HGETALL', key) }
      end
      -- Settled by a status callback, or forgotten after its lifetime: it must not hold up what follows.
      redis.call('LREM', KEYS[2], 1, id)
    end
    leave(KEYS[2])
    return { 'none' }`,
};

const Found = z.union([
  z.tuple([z.literal('fenced')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('none')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('unreadable'), z.string()]).transform(([kind, id]) => ({ kind, id })),
  z.tuple([z.literal('wait'), z.number()]).transform(([kind, ms]) => ({ kind, ms })),
  z.tuple([z.enum(['send', 'look-up']), z.string(), z.array(z.string())]).transform(([kind, id, fields]) => ({ kind, id, reply: Reply.safeParse(fieldsOf(fields)).data })),
]);

/** What a person is told of a reply that cannot be read. */
export const unreadableReply = 'One of my answers is stored in a form that I cannot read, so it is missing here. Please ask me for it again.';

const setAsideScript: Script = {
  name: 'sidepocketSetAside',
  keys: 6,
  // KEYS: lock, outbox, conversation, dead, reply, its sentence. ARGV: token, id, conversation, now (ISO 8601), lifetime, text.
  lua: `${buryLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    if redis.call('LREM', KEYS[2], 1, ARGV[2]) == 0 then return 'gone' end
    local fields = redis.pcall('HGETALL', KEYS[5])
    if fields.err then fields = {} end
    fields[#fields + 1] = 'id'
    fields[#fields + 1] = ARGV[2]
    bury(KEYS[4], ARGV[5], ARGV[4], 'outbox', ARGV[3], cjson.encode(fields))
    redis.call('EXPIRE', KEYS[5], ARGV[5])
    if redis.call('HSETNX', KEYS[6], 'id', ARGV[2] .. '.unreadable') == 1 then
      redis.call('HSET', KEYS[6], 'conversation', ARGV[3], 'turn', ARGV[2], 'text', ARGV[6], 'at', ARGV[4], 'status', 'waiting', 'seq', redis.call('HINCRBY', KEYS[3], 'said', 1))
      redis.call('LPUSH', KEYS[2], ARGV[2] .. '.unreadable')
    end
    return 'set aside'`,
};

/** `limit` is the pace at which one person is written to; a sentence is kept for `retentionDays`. */
export function createDepartures(redis: Redis, limit: PaceLimit, retentionDays: number = usualRetentionDays): Departures {
  const find = async (conversation: string, fence: Fence, now: number): Promise<z.infer<typeof Found>> =>
    Found.parse(
      await runScript(redis, nextScript, [
        fence.lock, keys.outbox(conversation), keys.pace(conversation), keys.conversation(conversation), keys.allowed, keys.epoch, fence.token, keys.reply(''),
        now, new Date(now).toISOString(), limit.intervalMs, limit.burst, prefix, conversation, epochMemory(redis).seen, randomUUID(),
      ]),
    );
  /** It must not hold up what follows. */
  const setAside = async (conversation: string, fence: Fence, now: number, id: string): Promise<void> => {
    const where = [fence.lock, keys.outbox(conversation), keys.conversation(conversation), keys.dead, keys.reply(id), keys.reply(`${id}.unreadable`)];
    const outcome = await runScript(redis, setAsideScript, [...where, fence.token, id, conversation, new Date(now).toISOString(), retentionSeconds(retentionDays), unreadableReply]);
    if (outcome === 'fenced') throw new FencedError('another worker has this delivery');
  };
  return {
    async next(conversation, fence, now) {
      for (;;) {
        const found = await find(conversation, fence, now);
        if (found.kind === 'fenced') throw new FencedError('another worker has this delivery');
        if (found.kind === 'none' || found.kind === 'wait') return found;
        if (found.kind !== 'unreadable' && found.reply) return { kind: found.kind, reply: found.reply };
        await setAside(conversation, fence, now, found.id);
      }
    },
  };
}
