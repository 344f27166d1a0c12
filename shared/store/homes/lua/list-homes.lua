-- All homes in one command: the name of the first, '' before any has registered, and each home's
-- name with the fields of its record.
-- keys: firstHome, homes
-- args: prefix
-- derives: home:*
local found = {}
for _, name in ipairs(redis.call('SMEMBERS', homes)) do
  found[#found + 1] = { name, redis.call('HGETALL', prefix .. ':home:' .. name) }
end
return { redis.call('GET', firstHome) or '', found }
