-- Erases these messages and replies of a conversation, and what is known of their turns; the
-- message `by` and the turn `current`, which erase, stay. A claim of Twilio's id stays without
-- anything else, so that no webhook and no backfill brings the message back. A reply that is being
-- posted stays: Twilio may have it. Returns how many stay.
-- keys: thread, inbox, outbox, attempts, turnsOf, turnWords, turnTimes, turnsFailed, failures
-- args: prefix, by, current, claimSeconds
-- rest: ids
-- uses: entry
-- derives: message:*, said:*, reply:*, sent:*, turn:*, turn-messages:*, turn-replies:*, spend-turn:*
-- derives: schedule-calls:*
local left, waiting, turns = 0, {}, {}
for _, raw in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
  local id = idOf(raw)
  if id then waiting[id] = raw end
end
local function eraseMessage(id, key)
  if waiting[id] then redis.call('LREM', inbox, 0, waiting[id]) end
  redis.call('HDEL', attempts, id)
  redis.call('DEL', prefix .. ':said:' .. id, key)
  if string.match(id, '^[SM]M%x+$') then
    redis.call('HSET', key, 'conversation', '', 'state', 'forgotten')
    redis.call('EXPIRE', key, claimSeconds)
  end
end
local function eraseReply(id, key)
  local sid = redis.pcall('HGET', key, 'sid')
  if type(sid) == 'string' then redis.call('DEL', prefix .. ':sent:' .. sid) end
  redis.call('LREM', outbox, 0, id)
  redis.call('ZREM', failures, id)
  redis.call('DEL', key)
end
for _, id in ipairs(ids) do
  local message, reply = prefix .. ':message:' .. id, prefix .. ':reply:' .. id
  local isMessage = redis.call('EXISTS', message) == 1
  local turn = redis.pcall('HGET', isMessage and message or reply, 'turn')
  if redis.pcall('HGET', reply, 'status') == 'posting' then
    left = left + 1
  elseif id ~= by then
    if isMessage then eraseMessage(id, message) else eraseReply(id, reply) end
    redis.call('ZREM', thread, id)
    if type(turn) == 'string' then
      turns[turn] = true
      redis.call('LREM', prefix .. ':turn-messages:' .. turn, 0, id)
      redis.call('LREM', prefix .. ':turn-replies:' .. turn, 0, id)
    end
  end
end
local function hasLeft(turn)
  for _, id in ipairs(redis.call('LRANGE', prefix .. ':turn-messages:' .. turn, 0, -1)) do
    if redis.call('EXISTS', prefix .. ':said:' .. id) == 1 then return true end
  end
  for _, id in ipairs(redis.call('LRANGE', prefix .. ':turn-replies:' .. turn, 0, -1)) do
    if redis.call('EXISTS', prefix .. ':reply:' .. id) == 1 then return true end
  end
  return false
end
for turn in pairs(turns) do
  -- The words of what is left would be those of the rest, too.
  redis.call('HDEL', turnWords, turn)
  if turn ~= current and not hasLeft(turn) then
    for _, what in ipairs({ 'turn', 'turn-messages', 'turn-replies', 'spend-turn', 'schedule-calls' }) do
      redis.call('DEL', prefix .. ':' .. what .. ':' .. turn)
    end
    for _, index in ipairs({ turnTimes, turnsOf, turnsFailed }) do redis.call('ZREM', index, turn) end
  end
end
return left
