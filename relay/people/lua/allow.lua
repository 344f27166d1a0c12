-- `started` is this relay's start (ISO 8601), `relayWords` describes it; `listed` is JSON of
-- addresses, each followed by its words or ''. Returns whether the list is this relay's, and the
-- removed people.
-- keys: allowed
-- args: prefix, started, relayWords, owner, listed, setAsideSeconds
-- uses: set-aside, entry, links, person, invitation
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
  -- The owner of the variable may write.
  local isDecided = isInvited(value) or isOut(value) and address ~= owner
  local held = string.match(value, '^allowed since ([^,]+)')
  -- What came to the outbox meanwhile is of before, too.
  if not held and not isDecided and string.match(value, '^removed') then setAside(prefix, address, setAsideSeconds) end
  local words = spelling ~= '' and spelling or 'by ' .. relayWords
  if not isDecided and (not held or (spelling ~= '') ~= (string.find(value, ', as ', 1, true) ~= nil)) then
    setAllowed(prefix, allowed, address, 'allowed since ' .. (held or since) .. ', ' .. words)
  end
end
-- An invited person stays, and so does the other spelling of their number.
local function isGuest(words)
  local origin = string.match(words, ', as the other spelling of (%S+)$')
  return isInvited(words) or (origin and isInvited(redis.call('HGET', allowed, origin) or ''))
end
local entries = redis.call('HGETALL', allowed)
for i = 1, #entries, 2 do
  local address, words = entries[i], entries[i + 1]
  local isOther = address ~= 'list' and address ~= 'owner' and not present[address]
  if isOther and string.match(words, '^allowed') and not isGuest(words) then
    setAllowed(prefix, allowed, address, 'removed ' .. started .. ', by ' .. relayWords)
    revokeLinks(prefix, address)
    local id = personOf(prefix, address)
    if id then revokeLinks(prefix, id) end
    result[#result + 1] = address
  end
end
redis.call('HSET', allowed, 'list', 'written by ' .. relayWords, 'owner', owner)
return result
