-- Those of the addresses whose person has something set aside in any of their conversations. Each
-- is given with its other spelling behind a space, if it has one: the record may be under that.
-- args: prefix
-- rest: addresses
-- uses: person
-- derives: people, person:*, set-aside:*
local found = {}
local function hasAny(conversation)
  local aside = prefix .. ':set-aside:'
  return redis.call('EXISTS', aside .. 'messages:' .. conversation, aside .. 'replies:' .. conversation, aside .. 'schedules:' .. conversation) > 0
end
local function personHasAny(address, spelling)
  if hasAny(address) then return true end
  local id = personOf(prefix, address) or spelling ~= '' and personOf(prefix, spelling)
  for conversation in wordsOf(id and redis.call('HGET', recordOf(prefix, id), 'conversations')) do
    if hasAny(conversation) then return true end
  end
  return false
end
for _, pair in ipairs(addresses) do
  local address, spelling = string.match(pair, '^(%S+) ?(%S*)$')
  if address and personHasAny(address, spelling) then found[#found + 1] = address end
end
return found
