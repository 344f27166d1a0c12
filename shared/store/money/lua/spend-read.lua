-- Reads several hashes in one trip.
-- keys: first
-- rest: others
-- derives: spend:*
local all = { redis.call('HGETALL', first) }
for i, key in ipairs(others) do all[i + 1] = redis.call('HGETALL', key) end
return all
