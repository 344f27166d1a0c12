-- Stores a link and lists it under its person. Beyond `most` listed links of its purpose the oldest
-- of them are deleted.
-- keys: link, links
-- args: id, digest, purpose, person, object, detail, uses, expiryMs, forgetMs, nowMs, most
-- args: linkPrefix
-- derives: link:*
for _, old in ipairs(redis.call('ZRANGEBYSCORE', links, '-inf', nowMs)) do
  redis.call('ZREM', links, old)
end
if redis.call('EXISTS', link) == 0 then
  local same = {}
  for _, old in ipairs(redis.call('ZRANGE', links, 0, -1)) do
    if redis.call('HGET', linkPrefix .. old, 'purpose') == purpose then same[#same + 1] = old end
  end
  for index = 1, #same - tonumber(most) + 1 do
    local old = same[index]
    redis.call('DEL', linkPrefix .. old)
    redis.call('ZREM', links, old)
  end
  redis.call('HSET', link, 'digest', digest, 'purpose', purpose, 'person', person, 'object', object)
  redis.call('HSET', link, 'detail', detail, 'uses', uses, 'used', 0, 'expires', expiryMs)
  redis.call('PEXPIREAT', link, forgetMs)
end
redis.call('ZADD', links, forgetMs, id)
redis.call('PEXPIREAT', links, redis.call('ZREVRANGE', links, 0, 0, 'WITHSCORES')[2])
return 1
