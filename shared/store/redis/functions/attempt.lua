-- Begins an attempt at sending a reply and returns its number: it is noted before the request to
-- Twilio, with the call that notes it and with the address that wrote last. There is no other way
-- to begin one.
local function beginAttempt(reply, conversation, now, callId)
  redis.call('HSET', reply, 'status', 'posting', 'attemptedAt', now, 'noted', callId)
  local to = redis.call('HGET', conversation, 'address')
  if to then redis.call('HSET', reply, 'to', to) else redis.call('HDEL', reply, 'to') end
  return redis.call('HINCRBY', reply, 'attempts', 1)
end

-- Whether this very call has begun the current attempt already, and its answer was lost.
local function hasBegunAttempt(reply, status, callId)
  return status == 'posting' and redis.call('HGET', reply, 'noted') == callId
end
