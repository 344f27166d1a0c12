-- Returns the id of the reply to put, or ''. After a crash between this and the put, the next call
-- repairs it: the reply is missing.
-- keys: told, words
-- args: nowMs, cause, pauseMs, replyPrefix, word, lifetimeSeconds
-- derives: reply:*
redis.call('HSET', words, cause, word)
redis.call('EXPIRE', words, lifetimeSeconds)
local reply, at = unpack(redis.call('HMGET', told, 'reply', 'at'))
if reply then
  local status = redis.call('HGET', replyPrefix .. reply, 'status')
  -- A word of the future was noted by a clock that was set back since.
  local isRecent = math.abs(tonumber(nowMs) - (tonumber(at) or 0)) < tonumber(pauseMs)
  if isRecent and not status then return reply end
  if isRecent or status == 'waiting' or status == 'posting' or status == 'parked' then return '' end
end
local id = 'owner.' .. cause .. '.' .. nowMs
redis.call('HSET', told, 'reply', id, 'at', nowMs)
redis.call('EXPIRE', told, lifetimeSeconds)
return id
