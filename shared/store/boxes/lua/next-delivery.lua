-- `seen` is the highest known count of the epoch; `callId` identifies this call. An unknown status
-- comes from a later version, and so does a count that is no whole number. `slow` is the notice
-- before the reply that is the last of `mostDelayed` delayed ones; '' for no notice. A delivery in
-- the queue of another home than the conversation's sends nothing; `home` is what the queue's name
-- ends in.
-- keys: outbox, pace, conversationKey, allowed, epoch
-- args: replyPrefix, nowMs, now, intervalMs, burst, prefix, conversation, seen, callId
-- args: setAsideSeconds, statuses, mostDelayed, slow, longestPauseMs, lifetimeSeconds, home
-- fence: required
-- uses: send-rate, attempt, allowed, set-aside, box-counts, epoch, thread, home, entry
-- derives: reply:*
if isFenced() then return { 'fenced' } end
if homeSuffix(prefix, conversation) ~= home then return { 'elsewhere' } end
if not allowedSince(allowed, conversation) then
  setAside(prefix, conversation, setAsideSeconds)
  return { 'none' }
end
local since, count = epochOf(epoch, now, seen)
-- Counts a reply that the send rate delays, once; the person is notified before the last of
-- `mostDelayed`.
local function delay(id, key)
  redis.call('HSETNX', key, 'heldSince', nowMs)
  if redis.call('HSETNX', key, 'delayed', 1) == 0 then return end
  if redis.call('HINCRBY', conversationKey, 'delayed', 1) ~= tonumber(mostDelayed) or slow == '' then return end
  local notice = id .. '.slow'
  local fields = { 'id', notice, 'conversation', conversation, 'turn', redis.call('HGET', key, 'turn') or id, 'text', slow }
  redis.call('HSET', replyPrefix .. notice, 'at', now, 'status', 'waiting', 'delayed', 1,
    'seq', redis.call('HINCRBY', conversationKey, 'said', 1), unpack(fields))
  redis.call('LPUSH', outbox, notice)
  noteSaid(prefix, conversation, notice, nowMs, lifetimeSeconds)
end
local known = {}
for _, status in ipairs(cjson.decode(statuses)) do known[status] = true end
for id in function() return redis.call('LINDEX', outbox, 0) or nil end do
  local key = replyPrefix .. id
  if redis.call('TYPE', key)['ok'] ~= 'hash' and redis.call('EXISTS', key) == 1 then return { 'unreadable', id } end
  local fields = redis.call('HMGET', key, 'status', 'sid', 'notBefore', 'attempts', 'repeats', 'heldSince', 'seq')
  local status, sid, notBefore = unpack(fields, 1, 3)
  if status and not known[status] then return { 'unreadable', id } end
  for index = 3, #fields do
    if fields[index] and not isWhole(fields[index]) then return { 'unreadable', id } end
  end
  if hasBegunAttempt(key, status, callId) then return { 'send', id, redis.call('HGETALL', key) } end
  if status == 'posting' and not sid then
    -- A later attempt that the store has lost may have sent it until the store changed.
    local tried = redis.call('HGET', key, 'attemptedAt')
    if since ~= '' and tried and tried < since then redis.call('HSET', key, 'checked', since) end
    return { 'look-up', id, redis.call('HGETALL', key) }
  end
  -- A reply that is older than the store as it is now may have been sent by what the store has
  -- lost.
  local said, at, checked = unpack(redis.call('HMGET', key, 'saidAt', 'at', 'checked'))
  said = said or at
  if status == 'waiting' and since ~= '' and said and said < since and checked ~= since then
    redis.call('HSET', key, 'status', 'posting', 'attemptedAt', said, 'checked', since)
    redis.call('HSETNX', key, 'attempts', 0)
    return { 'look-up', id, redis.call('HGETALL', key) }
  end
  if status == 'waiting' then
    local wait = tonumber(notBefore or '0') - tonumber(nowMs)
    -- No pause is longer: the clock was set back.
    if wait <= 0 or wait > tonumber(longestPauseMs) then
      wait = reserve(pace, tonumber(nowMs), tonumber(intervalMs), tonumber(burst))
      if wait > 0 then delay(id, key) end
    end
    if wait > 0 then return { 'wait', math.ceil(wait) } end
    if not redis.call('HGET', key, 'delayed') then redis.call('HDEL', conversationKey, 'delayed') end
    beginAttempt(key, conversationKey, now, callId)
    -- How long the send rate has held it back (ms).
    local held = redis.call('HGET', key, 'heldSince')
    if held then
      redis.call('HSET', key, 'pacedMs', math.max(tonumber(nowMs) - tonumber(held), 0))
      redis.call('HDEL', key, 'heldSince')
    end
    return { 'send', id, redis.call('HGETALL', key) }
  end
  -- Settled by a status callback, or forgotten after its lifetime: it must not hold up what
  -- follows.
  redis.call('LREM', outbox, 1, id)
end
leave(outbox)
return { 'none' }
