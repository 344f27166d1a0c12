import { insertLua } from './outbox-order.ts';
import { prefix } from '../redis/keys.ts';
import { idempotentLua } from '../redis/idempotent.ts';
import { defineScript } from '../redis/script.ts';

/**
 * Lua for replies that wait for the person to write, because WhatsApp's 24-hour window is closed
 * (Twilio's 63016). If the person has written since the attempt, the window is open and the reply
 * goes out again: the failure report was only late. Requires `boxesLua`. A parked answer to a
 * schedule counts for that schedule, once per run, since the person last wrote: `schedule-parked`
 * has the runs, and `since`.
 */
export const parkLua = `
  -- derives schedule-parked:*, parking
  local function hasWrittenSince(conversation, reply)
    local wrote, attempted = redis.call('HGET', conversation, 'wroteAt'), redis.call('HGET', reply, 'attemptedAt')
    return wrote and attempted and wrote > attempted
  end
  local function countRun(conversation, reply, lifetime)
    local tick = redis.call('HGET', reply, 'tick')
    local number = tick and string.match(tick, '%-(%d+)%-%d+$')
    if not number then return end
    local runs = '${prefix}:schedule-parked:' .. redis.call('HGET', reply, 'conversation') .. ':' .. number
    local since = redis.call('HGET', conversation, 'wroteAt') or ''
    if redis.call('HGET', runs, 'since') ~= since then redis.call('DEL', runs) end
    redis.call('HSET', runs, 'since', since, tick, '1')
    redis.call('EXPIRE', runs, lifetime)
  end
  local function park(parked, conversation, reply, id, lifetime)
    redis.call('HSET', reply, 'status', 'parked')
    redis.call('HDEL', reply, 'sid')
    redis.call('EXPIRE', reply, lifetime)
    redis.call('LREM', parked, 1, id)
    redis.call('RPUSH', parked, id)
    local tag, name = partsOf(parked)
    redis.call('SADD', tag .. ':parking', name)
    countRun(conversation, reply, lifetime)
    return 'parked'
  end`;

/** The notice to a returning person about answers that were parked for RETENTION_DAYS. */
export function tooOldWords(count: number | 'N'): string {
  if (count === 1)
    return 'One answer from a while ago was too old to keep, so I do not have it any more. Please ask me again if you still need it.';
  return `${count} answers from a while ago were too old to keep, so I do not have them any more. Please ask me again if you still need them.`;
}

export const unparkScript = defineScript({
  name: 'sidepocketUnpark',
  keys: ['parked', 'outbox', 'conversationKey', 'call'],
  args: ['replyPrefix', 'now', 'conversation', 'oneTooOld', 'severalTooOld'],
  // `severalTooOld` contains N for the number of answers. The time parked does not count as waiting
  // for Twilio.
  lua: `-- derives reply:*, parking
    ${insertLua}
    ${idempotentLua}
    return once(call, function()
      local count, gone = 0, 0
      for id in function() return redis.call('LPOP', parked) or nil end do
        local key = replyPrefix .. id
        -- One that cannot be read is told of when its turn comes to be sent.
        local type = redis.call('TYPE', key)['ok']
        if type == 'none' then gone = gone + 1
        elseif type ~= 'hash' then redis.call('RPUSH', outbox, id)
        else
          -- When it was said first still tells whether it may have been sent already.
          redis.call('HSETNX', key, 'saidAt', redis.call('HGET', key, 'at') or now)
          redis.call('HSET', key, 'status', 'waiting', 'at', now)
          redis.call('PERSIST', key)
          insert(outbox, replyPrefix, id)
          count = count + 1
        end
      end
      local tag = partsOf(parked)
      redis.call('SREM', tag .. ':parking', conversation)
      if gone == 0 then return count end
      join(outbox)
      local seq = redis.call('HINCRBY', conversationKey, 'said', 1)
      local id = conversation .. '.too-old.' .. seq
      local text = gone == 1 and oneTooOld or string.gsub(severalTooOld, 'N', tostring(gone), 1)
      redis.call('HSET', replyPrefix .. id, 'id', id, 'conversation', conversation, 'turn', id, 'text', text,
        'at', now, 'status', 'waiting', 'seq', seq)
      redis.call('RPUSH', outbox, id)
      return count + 1
    end)`,
});
