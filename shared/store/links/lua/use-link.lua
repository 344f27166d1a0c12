-- Uses a link once for a browser, which may repeat it: `ok`, `used` by others, or `over`. `browser`
-- is the digest of its cookie.
-- keys: link
-- args: browser, nowMs
local expires, uses, used = unpack(redis.call('HMGET', link, 'expires', 'uses', 'used'))
if not expires then return 'over' end
if redis.call('HEXISTS', link, 'by:' .. browser) == 1 then return 'ok' end
-- What cannot be read lets nobody in.
if (tonumber(expires) or 0) <= tonumber(nowMs) then return 'over' end
if (tonumber(used) or math.huge) >= (tonumber(uses) or 0) then return 'used' end
redis.call('HSET', link, 'by:' .. browser, nowMs, 'used', tonumber(used) + 1)
return 'ok'
