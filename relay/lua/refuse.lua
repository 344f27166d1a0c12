-- keys: message, conversationKey
-- args: lifetimeSeconds, conversation, at
-- uses: thread, reply-counts
if redis.call('HSETNX', message, 'conversation', conversation) == 0 then return 0 end
redis.call('HSET', message, 'state', 'refused', 'at', at)
redis.call('EXPIRE', message, lifetimeSeconds)
noteWord(conversationKey, at)
meter(string.match(message, '^{[^}]*}'), at, 'messages:received', 1)
return 1
