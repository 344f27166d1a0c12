import { insertLua } from './outbox-order.ts';
import { prefix } from './keys.ts';
import { onceLua } from './once.ts';
import type { Script } from './script.ts';

/**
 * Lua for what waits for the person to write, since WhatsApp's 24-hour window is closed (Twilio's 63016). When the person has written after the attempt, the window is open and the reply goes
 * out again: the word of the failure only came late. Wants `boxesLua`. An answer to a schedule counts for its schedule, each run once, since the person's last word: `schedule-parked` has the runs, and `since`.
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

/** What the person is told, on their return, of answers that were kept for RETENTION_DAYS. */
export function tooOldWords(count: number | 'N'): string {
  if (count === 1) return 'One answer from a while ago was too old to keep, so I do not have it any more. Please ask me again if you still need it.';
  return `${count} answers from a while ago were too old to keep, so I do not have them any more. Please ask me again if you still need them.`;
}

export const unparkScript: Script = {
  name: 'sidepocketUnpark',
  keys: 4,
  // KEYS: parked, outbox, conversation, call. ARGV: prefix of the reply keys, now, conversation, what is said of one that is too old, and of several (N).
  // The time parked does not count as waiting for Twilio.
  lua: `-- derives reply:*, parking
    ${insertLua}
    ${onceLua}
    return once(KEYS[4], function()
      local count, gone = 0, 0
      for id in function() return redis.call('LPOP', KEYS[1]) or nil end do
        local key = ARGV[1] .. id
        -- One that cannot be read is told of when its turn comes to be sent.
        local type = redis.call('TYPE', key)['ok']
        if type == 'none' then gone = gone + 1
        elseif type ~= 'hash' then redis.call('RPUSH', KEYS[2], id)
        else
          -- When it was said first still tells whether it may have been sent already.
          redis.call('HSETNX', key, 'saidAt', redis.call('HGET', key, 'at') or ARGV[2])
          redis.call('HSET', key, 'status', 'waiting', 'at', ARGV[2])
          redis.call('PERSIST', key)
          insert(KEYS[2], ARGV[1], id)
          count = count + 1
        end
      end
      local tag = partsOf(KEYS[1])
      redis.call('SREM', tag .. ':parking', ARGV[3])
      if gone == 0 then return count end
      join(KEYS[2])
      local seq = redis.call('HINCRBY', KEYS[3], 'said', 1)
      local id = ARGV[3] .. '.too-old.' .. seq
      local text = gone == 1 and ARGV[4] or string.gsub(ARGV[5], 'N', tostring(gone), 1)
      redis.call('HSET', ARGV[1] .. id, 'id', id, 'conversation', ARGV[3], 'turn', id, 'text', text, 'at', ARGV[2], 'status', 'waiting', 'seq', seq)
      redis.call('RPUSH', KEYS[2], id)
      return count + 1
    end)`,
};
