-- What is not over. Of some conversations with something in their inboxes: how many entries, when
-- the delayed turn is due, the first entries that no turn has taken up, the turns of the others,
-- and the home. And the turns of answers that are parked, and of messages that were set aside.
-- keys: conversations, homes, firstHome, parking, allowed
-- args: prefix, mostConversations, mostMessages
-- uses: entry, home
-- derives: conversations@*, conversation:*, inbox:*, message:*, turns:*, turns@*, parked:*, reply:*, set-aside:*
local inboxes, parked, aside = {}, {}, {}
-- The conversations of all homes, those of the first home first.
local function waitingOnes()
  local found, sets = {}, { conversations }
  local first = redis.call('GET', firstHome)
  for _, name in ipairs(redis.call('SMEMBERS', homes)) do
    if name ~= first then sets[#sets + 1] = conversations .. '@' .. name end
  end
  for _, set in ipairs(sets) do
    local room = tonumber(mostConversations) - #found
    if room <= 0 then break end
    for _, conversation in ipairs(redis.call('SRANDMEMBER', set, room)) do found[#found + 1] = conversation end
  end
  return found
end
local function add(list, turn)
  if type(turn) == 'string' then list[#list + 1] = turn end
end
for _, conversation in ipairs(waitingOnes()) do
  local inbox, waiting, taken = prefix .. ':inbox:' .. conversation, {}, {}
  for _, raw in ipairs(redis.call('LRANGE', inbox, 0, mostMessages - 1)) do
    local turn = redis.call('HGET', prefix .. ':message:' .. (idOf(raw) or ''), 'turn')
    if turn then add(taken, turn) else waiting[#waiting + 1] = raw end
  end
  local length = redis.call('LLEN', inbox)
  local home = homeSuffix(prefix, conversation)
  local queue = prefix .. ':turns' .. home
  local job = redis.call('GET', queue .. ':de:' .. conversation)
  local due = job and redis.call('ZSCORE', queue .. ':delayed', job)
  if length > 0 then inboxes[#inboxes + 1] = { conversation, length, due, waiting, taken, home } end
end
for _, conversation in ipairs(redis.call('SRANDMEMBER', parking, mostConversations)) do
  for _, id in ipairs(redis.call('LRANGE', prefix .. ':parked:' .. conversation, 0, mostMessages - 1)) do
    add(parked, redis.pcall('HGET', prefix .. ':reply:' .. id, 'turn'))
  end
end
-- Also of a person who may write again, until it is decided what becomes of it.
for _, address in ipairs(redis.call('HKEYS', allowed)) do
  local messages = prefix .. ':set-aside:messages:' .. address
  for _, raw in ipairs(redis.call('LRANGE', messages, 0, mostMessages - 1)) do
    add(aside, redis.call('HGET', prefix .. ':message:' .. (idOf(raw) or ''), 'turn'))
  end
end
return { inboxes, parked, aside }
