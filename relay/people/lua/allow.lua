-- `started` is this relay's start (ISO 8601), `relayWords` describes it; `listed` is JSON of
-- addresses, each followed by its words or ''. Returns whether the list is this relay's, and the
-- removed people.
-- keys: allowed
-- args: prefix, started, relayWords, owner, listed, setAsideSeconds
-- uses: set-aside, entry, links, person
local list = decode(listed)
if #list == 0 then return { 0 } end
if redis.call('TYPE', allowed)['ok'] ~= 'hash' then redis.call('DEL', allowed) end
local known = redis.call('HGET', allowed, 'list')
local start = known and string.match(known, 'started (%S+)')
if start and start > started then return { 0 } end
local since, present, result = known and started or 'the beginning', {}, { 1 }
for i = 1, #list, 2 do
  local address, spelling = list[i], list[i + 1]
  present[address] = true
  local value = redis.call('HGET', allowed, address) or ''
  local held = string.match(value, '^allowed since ([^,]+)')
  -- What came to the outbox meanwhile is of before, too.
  if not held and string.match(value, '^removed') then setAside(prefix, address, setAsideSeconds) end
  local words = spelling ~= '' and spelling or 'by ' .. relayWords
  if not held or (spelling ~= '') ~= (string.find(value, ', as ', 1, true) ~= nil) then
    redis.call('HSET', allowed, address, 'allowed since ' .. (held or since) .. ', ' .. words)
  end
end
for _, address in ipairs(redis.call('HKEYS', allowed)) do
  local isAddress = address ~= 'list' and address ~= 'owner'
  if isAddress and not present[address] and string.match(redis.call('HGET', allowed, address), '^allowed') then
    redis.call('HSET', allowed, address, 'removed ' .. started .. ', by ' .. relayWords)
    revokeLinks(prefix, address)
    local id = personOf(prefix, address)
    if id then revokeLinks(prefix, id) end
    result[#result + 1] = address
  end
end
redis.call('HSET', allowed, 'list', 'written by ' .. relayWords, 'owner', owner)
return result
