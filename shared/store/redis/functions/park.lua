-- For replies that wait for the person to write, because WhatsApp's 24-hour window is closed
-- (Twilio's 63016). If the person has written since the attempt, the window is open and the reply
-- goes out again: the failure report was only late. A parked answer to a schedule counts for that
-- schedule, once per run, since the person last wrote: `schedule-parked` has the runs, and
-- `since`.
-- uses: box-counts
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
