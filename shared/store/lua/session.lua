-- keys: sessions, titles, conversationKey
-- args: id, title, usedAtMs, most
-- fence: required
if isFenced() then return 'fenced' end
redis.call('HSET', conversationKey, 'session', id)
redis.call('ZADD', sessions, usedAtMs, id)
redis.call('HSETNX', titles, id, title)
for _, old in ipairs(redis.call('ZRANGE', sessions, 0, -1 - tonumber(most))) do
  redis.call('ZREM', sessions, old)
  redis.call('HDEL', titles, old)
end
return 'noted'
