-- The records of all people, at most `most`, each after its id; and the owner's address with the
-- time zone of the owner's conversation.
-- keys: people, allowed
-- args: prefix, most
-- derives: person:*, conversation:*
local seen, records = {}, {}
for _, id in ipairs(redis.call('HVALS', people)) do
  if not seen[id] and #records < tonumber(most) then
    seen[id] = true
    records[#records + 1] = { id, redis.call('HGETALL', prefix .. ':person:' .. id) }
  end
end
local owner = redis.call('HGET', allowed, 'owner') or ''
local zone = redis.call('HGET', prefix .. ':conversation:' .. owner, 'timezone') or ''
return { records, owner, zone }
