-- The effect of a failure on a reply: shared by refusals at the POST and by late ones. The backoff
-- before the n-th retry doubles from 1 s to a minute; at WhatsApp's limit for a person it is Meta's
-- 4^n seconds, up to a quarter of an hour. A reply with choices is sent once more as text, at once.
-- A notice is attempted only once. A reply that is to be sent lives until it has been sent, any
-- other for its lifetime from now. Replies wait for the person to write when WhatsApp's 24-hour
-- window is closed (Twilio's 63016). If the person has written since the attempt, the window is
-- open and the reply goes out again: the failure report was only late. A parked answer to a
-- schedule counts for that schedule, once per run, since the person last wrote: `schedule-parked`
-- has the runs, and `since`.
-- uses: outbox-order, reply-counts, box-counts
-- derives: schedule-parked:*, parking
local function hasWrittenSince(conversation, reply)
  local wrote, attempted = redis.call('HGET', conversation, 'wroteAt'), redis.call('HGET', reply, 'attemptedAt')
  return wrote and attempted and wrote > attempted
end
local function countRun(conversation, reply, lifetime)
  local tick = redis.call('HGET', reply, 'tick')
  local number = tick and string.match(tick, '%-(%d+)%-%d+$')
  if not number then return end
  local runs = string.match(reply, '^{[^}]*}') .. ':schedule-parked:' .. redis.call('HGET', reply, 'conversation') .. ':' .. number
  local since = redis.call('HGET', conversation, 'wroteAt') or ''
  if redis.call('HGET', runs, 'since') ~= since then redis.call('DEL', runs) end
  redis.call('HSET', runs, 'since', since, tick, '1')
  redis.call('EXPIRE', runs, lifetime)
end
local function park(parked, conversation, reply, id, lifetime)
  redis.call('HSET', reply, 'status', 'parked')
  redis.call('HDEL', reply, 'sid', 'postedAt')
  redis.call('EXPIRE', reply, lifetime)
  redis.call('LREM', parked, 1, id)
  redis.call('RPUSH', parked, id)
  local tag, name = partsOf(parked)
  redis.call('SADD', tag .. ':parking', name)
  countRun(conversation, reply, lifetime)
  return 'parked'
end
local function fail(replies, outbox, parked, conversation, id, action, code, now, lifetime)
  local reply = replies .. id
  local function again(notBefore)
    redis.call('HSET', reply, 'status', 'waiting', 'notBefore', notBefore)
    redis.call('HDEL', reply, 'sid', 'postedAt')
    redis.call('PERSIST', reply)
    insert(outbox, replies, id)
    return 'again'
  end
  local sid, notice = redis.call('HGET', reply, 'sid'), redis.call('HEXISTS', reply, 'notice') == 1
  redis.call('HSET', reply, 'code', code)
  if code ~= '' then count(reply, 'code:' .. code) end
  if sid then redis.call('HSET', reply, 'failedSid', sid) end
  redis.call('LREM', outbox, 1, id)
  if action == 'park' and not notice then
    if hasWrittenSince(conversation, reply) then return again('0') end
    count(reply, 'status:parked')
    return park(parked, conversation, reply, id, lifetime)
  end
  if action == 'as-text' and redis.call('HEXISTS', reply, 'choices') == 1 and redis.call('HSETNX', reply, 'asText', '1') == 1 then return again('0') end
  local isPassing = action == 'later' or action == 'slow' or action == 'reconcile'
  local repeats = tonumber(redis.call('HGET', reply, 'repeats') or '0') or 0
  if action == 'once-more' and repeats < 1 then isPassing = true end
  if isPassing and not notice then
    repeats = repeats + 1
    redis.call('HSET', reply, 'repeats', repeats)
    local pause = action == 'slow' and math.min(4 ^ repeats, 900) or math.min(2 ^ (repeats - 1), 60)
    return again(string.format('%.0f', now + pause * 1000))
  end
  redis.call('HSET', reply, 'status', 'failed')
  redis.call('EXPIRE', reply, lifetime)
  count(reply, 'status:failed')
  if not notice then rememberFailure(reply, id, now) end
  return 'failed'
end
