-- Returns the page's expiry, or false.
-- keys: page, pages, sizes, entries
-- args: pageId, entry, markdown, sizeBytes, nowMs, expiryMs, pageCapBytes, totalCapBytes
local expires = redis.call('HGET', page, 'expires')
if redis.call('SISMEMBER', entries, entry) == 1 and expires then return expires end
local size = (tonumber(redis.call('HGET', sizes, pageId) or '0') or 0) + tonumber(sizeBytes)
if size > tonumber(pageCapBytes) then return false end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', pages, '-inf', nowMs)) do
  redis.call('ZREM', pages, id)
  redis.call('HDEL', sizes, id)
end
local total = tonumber(sizeBytes)
for _, kept in ipairs(redis.call('HVALS', sizes)) do total = total + (tonumber(kept) or 0) end
if total > tonumber(totalCapBytes) then return false end
if not expires then
  expires = expiryMs
  redis.call('HSET', page, 'markdown', '', 'written', nowMs, 'expires', expires, 'grows', '1')
  redis.call('ZADD', pages, expires, pageId)
end
redis.call('HSET', page, 'markdown', (redis.call('HGET', page, 'markdown') or '') .. markdown)
redis.call('SADD', entries, entry)
redis.call('HSET', sizes, pageId, size)
redis.call('PEXPIREAT', page, expires)
redis.call('PEXPIREAT', entries, expires)
return expires
