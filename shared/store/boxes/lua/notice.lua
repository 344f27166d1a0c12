-- keys: reply
-- args: prefix, lifetimeSeconds, id, conversation, turn, text, now, nowMs
-- uses: thread
if redis.call('HSETNX', reply, 'id', id) == 0 then return 0 end
redis.call('HSET', reply, 'notice', '1', 'conversation', conversation, 'turn', turn, 'text', text,
  'at', now, 'status', 'waiting')
noteSaid(prefix, conversation, id, nowMs, lifetimeSeconds)
return redis.call('EXPIRE', reply, lifetimeSeconds)
