-- What the keys and queues of a conversation's home have behind their names: nothing for the first
-- home, `@NAME` for another. The field `home` of a conversation is settled once, and changes only
-- with a move of its person; it is missing for the first home. A home that was noted as dead and is
-- back sends for itself again: `revive` takes the note away.
-- derives: conversation:*, first-home, helps, helps@*, homes, home:*, person:*, conversations, conversations@*
-- derives: turns:*, turns@*, deliveries:*, deliveries@*
local function homeSuffix(prefix, conversation)
  local home = redis.call('HGET', prefix .. ':conversation:' .. conversation, 'home')
  return home and home ~= '' and '@' .. home or ''
end
local function nameSuffix(prefix, name)
  return name == redis.call('GET', prefix .. ':first-home') and '' or '@' .. name
end
-- The name of the home of a conversation; nil before any home has registered.
local function homeName(prefix, conversation)
  local suffix = homeSuffix(prefix, conversation)
  return suffix ~= '' and string.sub(suffix, 2) or redis.call('GET', prefix .. ':first-home') or nil
end
local function revive(prefix, record, suffix)
  local helper = redis.call('HGET', record, 'helper')
  if not helper then return false end
  redis.call('SREM', prefix .. ':helps' .. nameSuffix(prefix, helper), suffix)
  redis.call('HDEL', record, 'dead', 'helper')
  return true
end
-- The oldest home that takes one more person: with `own` one without people, else one that has
-- fewer than it takes. Homes that are dead or being emptied take none. `store` is the digest of the
-- snapshot store that it must share, `except` another home than which it must be; nil for any.
local function freeHome(prefix, placement, store, except)
  local found = {}
  for _, name in ipairs(redis.call('SMEMBERS', prefix .. ':homes')) do
    local since, takes, people, dead, draining, own =
      unpack(redis.call('HMGET', prefix .. ':home:' .. name, 'since', 'takes', 'people', 'dead', 'draining', 'store'))
    people = tonumber(people or '0') or 0
    local isFree = not takes or people < (tonumber(takes) or 0)
    if placement == 'own' then isFree = people <= 0 end
    if isFree and name ~= except and not dead and not draining and (not store or own == store) then
      found[#found + 1] = { name = name, rank = (since or '') .. name }
    end
  end
  table.sort(found, function(a, b) return a.rank < b.rank end)
  return found[1] and found[1].name
end
local function conversationsOf(prefix, person)
  local list = redis.call('HGET', prefix .. ':person:' .. person, 'conversations') or ''
  return string.gmatch(list, '([^,%s]+)')
end
-- Whether a worker has a job of one of a person's conversations now, in these queues of a home.
local function isAtWork(prefix, person, at, queues)
  for conversation in conversationsOf(prefix, person) do
    for _, queue in ipairs(queues) do
      local base = prefix .. ':' .. queue .. at .. ':'
      local job = redis.call('GET', base .. 'de:' .. conversation)
      if job and redis.call('EXISTS', base .. job .. ':lock') == 1 then return true end
    end
  end
  return false
end
-- Gives a person with all their conversations another home, and returns their new epoch: what
-- another disk has of them is older than this.
local function giveHome(prefix, person, from, to)
  local record, at, there = prefix .. ':person:' .. person, nameSuffix(prefix, from), nameSuffix(prefix, to)
  for conversation in conversationsOf(prefix, person) do
    local key = prefix .. ':conversation:' .. conversation
    if there == '' then redis.call('HDEL', key, 'home') else redis.call('HSET', key, 'home', to) end
    redis.call('SMOVE', prefix .. ':conversations' .. at, prefix .. ':conversations' .. there, conversation)
  end
  redis.call('HSET', record, 'home', to)
  redis.call('HDEL', record, 'user', 'directory')
  redis.call('HINCRBY', prefix .. ':home:' .. from, 'people', -1)
  return redis.call('HINCRBY', record, 'epoch', 1)
end
