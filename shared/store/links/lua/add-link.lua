-- Stores a link and lists it under its person. Beyond `most` listed links the oldest are deleted.
-- keys: link, links
-- args: id, digest, purpose, person, object, detail, uses, expiryMs, forgetMs, nowMs, most
-- args: linkPrefix
-- derives: link:*
for _, old in ipairs(redis.call('ZRANGEBYSCORE', links, '-inf', nowMs)) do
  redis.call('ZREM', links, old)
end
if redis.call('EXISTS', link) == 0 then
  local excess = redis.call('ZCARD', links) - tonumber(most)
  for _, old in ipairs(excess >= 0 and redis.call('ZRANGE', links, 0, excess) or {}) do
    redis.call('DEL', linkPrefix .. old)
    redis.call('ZREM', links, old)
  end
  redis.call('HSET', link, 'digest', digest, 'purpose', purpose, 'person', person, 'object', object)
  redis.call('HSET', link, 'detail', detail, 'uses', uses, 'used', 0, 'expires', expiryMs)
  redis.call('PEXPIREAT', link, forgetMs)
end
redis.call('ZADD', links, forgetMs, id)
redis.call('PEXPIREAT', links, forgetMs)
return 1
