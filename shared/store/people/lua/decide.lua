-- The owner has tapped a button under a question about a person: `choice` is yes or no. The first
-- tap decides; the same message, taken up again, gets the same outcome. Returns the outcome, and
-- what the question was about.
-- keys: ask, allowed
-- args: prefix, message, choice, owner, now, expiry, mostOpen, setAsideSeconds, lifetimeSeconds
-- uses: allowed, person, invitation, set-aside, links
local kind, address, spelling, by, outcome = unpack(redis.call('HMGET', ask, 'kind', 'address', 'spelling', 'by', 'outcome'))
if not kind then return { 'gone', '', '' } end
if by then return { by == message and outcome or 'used', kind, address } end
local function wordsFor(who) return redis.call('HGET', allowed, who) or '' end
local function originOf(words) return string.match(words, ', as the other spelling of (%S+)$') end

local function invite()
  local words = wordsFor(address)
  if allowedSince(allowed, address) and not invitationOf(words) then return 'already' end
  local open, known = 0, redis.call('HGETALL', allowed)
  for index = 1, #known, 2 do
    local _, ends = invitationOf(known[index + 1])
    if ends and ends > now and known[index] ~= address then open = open + 1 end
  end
  if open >= tonumber(mostOpen) then return 'many' end
  -- What came to the outbox meanwhile is of before.
  if string.match(words, '^removed') then setAside(prefix, address, setAsideSeconds) end
  local invited = 'allowed since ' .. now .. ', invited by ' .. owner .. ' until ' .. expiry
  setAllowed(prefix, allowed, address, invited)
  if spelling ~= '' then
    setAllowed(prefix, allowed, spelling, 'allowed since ' .. now .. ', as the other spelling of ' .. address)
  end
  -- What was removed with the person is theirs again.
  local id = personOf(prefix, address)
  for word in wordsOf(id and redis.call('HGET', recordOf(prefix, id), 'addresses')) do
    local other = string.match(word, '^%S+')
    if string.match(wordsFor(other), '^removed') then
      setAside(prefix, other, setAsideSeconds)
      setAllowed(prefix, allowed, other, invited)
    end
  end
  return 'done'
end

local function remove()
  local gone, list, ids = {}, {}, {}
  local function add(who)
    if not who or gone[who] then return end
    gone[who] = true
    list[#list + 1] = who
    add(originOf(wordsFor(who)))
    local id = personOf(prefix, who)
    if not id then return end
    ids[id] = true
    for word in wordsOf(redis.call('HGET', recordOf(prefix, id), 'addresses')) do add(string.match(word, '^%S+')) end
  end
  add(address)
  -- Both spellings of a number may be listed as themselves.
  for other in wordsOf(spelling) do add(other) end
  local known = redis.call('HGETALL', allowed)
  for index = 1, #known, 2 do
    if gone[originOf(known[index + 1])] then add(known[index]) end
  end
  if gone[owner] then return 'owner' end
  local removed = 0
  for _, who in ipairs(list) do
    if string.match(wordsFor(who), '^allowed') then
      setAllowed(prefix, allowed, who, 'removed ' .. now .. ', by ' .. owner .. ' in the chat')
      removed = removed + 1
    end
    setAside(prefix, who, setAsideSeconds)
    revokeLinks(prefix, who)
  end
  for id in pairs(ids) do revokeLinks(prefix, id) end
  return removed > 0 and 'done' or 'unknown'
end

outcome = choice ~= 'yes' and 'cancelled' or kind == 'invite' and invite() or kind == 'remove' and remove() or 'gone'
redis.call('HSET', ask, 'by', message, 'outcome', outcome)
redis.call('EXPIRE', ask, lifetimeSeconds)
return { outcome, kind, address }
