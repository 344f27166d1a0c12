-- Adds an entry to the dead list and extends its expiry to `lifetime` seconds from now. `now` is
-- ISO 8601. The list keeps the latest `mostDead`.
local mostDead = 1000
local function bury(dead, lifetime, now, origin, conversation, raw)
  local entry = cjson.encode({ at = now, from = origin, conversation = conversation, entry = raw })
  -- The same at the same time is the same call again, after a reply that was lost.
  if redis.call('LINDEX', dead, 0) ~= entry then redis.call('LPUSH', dead, entry) end
  redis.call('LTRIM', dead, 0, mostDead - 1)
  redis.call('EXPIRE', dead, lifetime)
end
