import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { allowedLua } from '../allowed.ts';
import { boxesLua } from './box-counts.ts';
import { buryLua } from './dead-letters.ts';
import { epochLua, epochMemory } from '../redis/epoch.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { SendRateLimit } from '../send-rate.ts';
import { reserveLua } from '../send-rate.ts';
import type { Redis } from '../redis/redis.ts';
import { Reply, ReplyStatus, addressLua } from '../reply.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { defineScript, fieldsOf, runScript } from '../redis/script.ts';
import { setAsideLua } from './set-aside.ts';

/**
 * The next action for a conversation's outbox: nothing if it is empty; wait some milliseconds; send
 * a reply whose attempt is noted; or look up a reply whose last attempt has an unknown outcome. An
 * unreadable reply goes to the dead list and is replaced by a sentence. Replies for a person who
 * may no longer write are set aside.
 */
export type NextDelivery =
  { kind: 'none' } | { kind: 'wait'; ms: number } | { kind: 'send' | 'look-up'; reply: Reply };

/**
 * Picks the next reply, holds it back as the send rate requires, and notes the attempt before the
 * request to Twilio: all in one trip to Redis.
 */
export type NextDeliveries = {
  /** `now` is in ms since 1970. Throws FencedError. */
  next(conversation: string, fence: Fence, now: number): Promise<NextDelivery>;
};

const nextScript = defineScript({
  name: 'sidepocketDeparture',
  keys: ['outbox', 'pace', 'conversationKey', 'allowed', 'epoch'],
  args: [
    'replyPrefix',
    'nowMs',
    'now',
    'intervalMs',
    'burst',
    'prefix',
    'conversation',
    'seen',
    'callId',
  ],
  fence: 'required',
  // `seen` is the highest known count of the epoch; `callId` identifies this call. An unknown
  // status comes from a later version.
  lua: `-- derives reply:*
    ${reserveLua}
    ${addressLua}
    ${allowedLua}
    ${setAsideLua}
    ${boxesLua}
    ${epochLua}
    if isFenced() then return { 'fenced' } end
    if not allowedSince(allowed, conversation) then
      setAside(prefix, conversation)
      return { 'none' }
    end
    local since, count = epochOf(epoch, now, seen)
    local known = { ${ReplyStatus.options.map((status) => `${status} = true`).join(', ')} }
    for id in function() return redis.call('LINDEX', outbox, 0) or nil end do
      local key = replyPrefix .. id
      if redis.call('TYPE', key)['ok'] ~= 'hash' and redis.call('EXISTS', key) == 1 then return { 'unreadable', id } end
      local status, sid, notBefore = unpack(redis.call('HMGET', key, 'status', 'sid', 'notBefore'))
      if status and not known[status] then return { 'unreadable', id } end
      -- The very note of this call, whose reply was lost.
      if status == 'posting' and redis.call('HGET', key, 'noted') == callId then
        return { 'send', id, redis.call('HGETALL', key) }
      end
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
        local wait = tonumber(notBefore or '0') - tonumber(nowMs)
        if wait <= 0 then wait = reserve(pace, tonumber(nowMs), tonumber(intervalMs), tonumber(burst)) end
        if wait > 0 then return { 'wait', math.ceil(wait) } end
        redis.call('HSET', key, 'status', 'posting', 'attemptedAt', now, 'noted', callId)
        redis.call('HINCRBY', key, 'attempts', 1)
        address(conversationKey, key)
        return { 'send', id, redis.call('HGETALL', key) }
      end
      -- Settled by a status callback, or forgotten after its lifetime: it must not hold up what follows.
      redis.call('LREM', outbox, 1, id)
    end
    leave(outbox)
    return { 'none' }`,
});

const Found = z.union([
  z.tuple([z.literal('fenced')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('none')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('unreadable'), z.string()]).transform(([kind, id]) => ({ kind, id })),
  z.tuple([z.literal('wait'), z.number()]).transform(([kind, ms]) => ({ kind, ms })),
  z
    .tuple([z.enum(['send', 'look-up']), z.string(), z.array(z.string())])
    .transform(([kind, id, fields]) => ({
      kind,
      id,
      reply: Reply.safeParse(fieldsOf(fields)).data,
    })),
]);

/** The notice to a person about an unreadable reply. */
export const unreadableReply =
  'One of my answers is stored in a form that I cannot read, so it is missing here. Please ask me for it again.';

const setAsideScript = defineScript({
  name: 'sidepocketSetAside',
  keys: ['outbox', 'conversationKey', 'dead', 'reply', 'sentence'],
  args: ['id', 'conversation', 'now', 'lifetimeSeconds', 'text'],
  fence: 'required',
  lua: `${buryLua}
    if isFenced() then return 'fenced' end
    if redis.call('LREM', outbox, 1, id) == 0 then return 'gone' end
    local fields = redis.pcall('HGETALL', reply)
    if fields.err then fields = {} end
    fields[#fields + 1] = 'id'
    fields[#fields + 1] = id
    bury(dead, lifetimeSeconds, now, 'outbox', conversation, cjson.encode(fields))
    redis.call('EXPIRE', reply, lifetimeSeconds)
    if redis.call('HSETNX', sentence, 'id', id .. '.unreadable') == 1 then
      local seq = redis.call('HINCRBY', conversationKey, 'said', 1)
      redis.call('HSET', sentence, 'conversation', conversation, 'turn', id, 'text', text,
        'at', now, 'status', 'waiting', 'seq', seq)
      redis.call('LPUSH', outbox, id .. '.unreadable')
    end
    return 'set aside'`,
});

/** `limit` is the send rate for one person; a notice is kept for `retentionDays`. */
export function createNextDeliveries(
  redis: Redis,
  limit: SendRateLimit,
  retentionDays: number = usualRetentionDays,
): NextDeliveries {
  const find = async (
    conversation: string,
    fence: Fence,
    now: number,
  ): Promise<z.infer<typeof Found>> =>
    Found.parse(
      await runScript(redis, nextScript, {
        fence,
        keys: {
          outbox: keys.outbox(conversation),
          pace: keys.pace(conversation),
          conversationKey: keys.conversation(conversation),
          allowed: keys.allowed,
          epoch: keys.epoch,
        },
        args: {
          replyPrefix: keys.reply(''),
          nowMs: now,
          now: new Date(now).toISOString(),
          intervalMs: limit.intervalMs,
          burst: limit.burst,
          prefix,
          conversation,
          seen: epochMemory(redis).seen,
          callId: randomUUID(),
        },
      }),
    );
  /** A failure here must not block the following replies. */
  const setAside = async (
    conversation: string,
    fence: Fence,
    now: number,
    id: string,
  ): Promise<void> => {
    const outcome = await runScript(redis, setAsideScript, {
      fence,
      keys: {
        outbox: keys.outbox(conversation),
        conversationKey: keys.conversation(conversation),
        dead: keys.dead,
        reply: keys.reply(id),
        sentence: keys.reply(`${id}.unreadable`),
      },
      args: {
        id,
        conversation,
        now: new Date(now).toISOString(),
        lifetimeSeconds: retentionSeconds(retentionDays),
        text: unreadableReply,
      },
    });
    if (outcome === 'fenced') throw new FencedError('another worker has this delivery');
  };
  return {
    async next(conversation, fence, now) {
      for (;;) {
        const found = await find(conversation, fence, now);
        if (found.kind === 'fenced') throw new FencedError('another worker has this delivery');
        if (found.kind === 'none' || found.kind === 'wait') return found;
        if (found.kind !== 'unreadable' && found.reply)
          return { kind: found.kind, reply: found.reply };
        await setAside(conversation, fence, now, found.id);
      }
    },
  };
}
