-- keys: background
-- args: field, owner
local known, entry = pcall(cjson.decode, redis.call('HGET', background, field) or '')
if known and type(entry) == 'table' and entry.owner ~= owner then return 'done' end
redis.call('HDEL', background, field)
return 'done'
