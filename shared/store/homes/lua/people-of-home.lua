-- The ids of people who have a home: of a `batch` of addresses from the `cursor` on. Returns the next
-- cursor, '0' at the end, and the ids, of which one may come several times.
-- keys: people
-- args: prefix, name, cursor, batch
-- uses: home
-- derives: person:*, conversation:*, first-home
local part, found, seen = redis.call('HSCAN', people, cursor, 'COUNT', batch), {}, {}
for i = 2, #part[2], 2 do
  local id = part[2][i]
  local conversation = not seen[id] and conversationsOf(prefix, id)()
  seen[id] = true
  if conversation and homeName(prefix, conversation) == name then found[#found + 1] = id end
end
return { part[1], found }
