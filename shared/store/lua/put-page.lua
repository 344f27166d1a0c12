-- Returns the expiry of the stored page, or false.
-- keys: page, pages, sizes
-- args: pageId, markdown, sizeBytes, nowMs, expiryMs, capBytes, form, asked
local kept = redis.call('HGET', page, 'expires')
if kept then return kept end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', pages, '-inf', nowMs)) do
  redis.call('ZREM', pages, id)
  redis.call('HDEL', sizes, id)
end
local total = tonumber(sizeBytes)
for _, size in ipairs(redis.call('HVALS', sizes)) do total = total + (tonumber(size) or 0) end
if total > tonumber(capBytes) then return false end
redis.call('HSET', page, 'markdown', markdown, 'written', nowMs, 'expires', expiryMs, 'form', form, 'asked', asked)
redis.call('PEXPIREAT', page, expiryMs)
redis.call('ZADD', pages, expiryMs, pageId)
redis.call('HSET', sizes, pageId, sizeBytes)
return expiryMs
