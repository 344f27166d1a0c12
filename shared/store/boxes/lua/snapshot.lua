-- `seen` is the highest known count of the epoch. A call repeated after a lost reply does not count
-- twice. A count that cannot be read begins anew. A turn in the queue of another home than the
-- conversation's does nothing; `home` is what the queue's name ends in. Neither does a turn that
-- begins while its person moves.
-- keys: inbox, conversationKey, parked, attempts, allowed, epoch
-- args: pickUp, prefix, conversation, now, seen, setAsideSeconds, home
-- fence: required
-- uses: set-aside, allowed, epoch, entry, home, person
local function moves(fields)
  for index = 1, #fields, 2 do
    if fields[index] == 'move' then return true end
  end
  return false
end
if isFenced() then return { 'fenced' } end
if homeSuffix(prefix, conversation) ~= home then return { 'elsewhere' } end
local person = personOf(prefix, conversation) or ''
local record = person == '' and {} or redis.call('HGETALL', recordOf(prefix, person))
if pickUp ~= '' and moves(record) then return { 'moving' } end
if not allowedSince(allowed, conversation) then
  setAside(prefix, conversation, setAsideSeconds)
  return { 'not allowed' }
end
local entries = redis.call('LRANGE', inbox, 0, -1)
if redis.call('TYPE', attempts)['ok'] ~= 'hash' then redis.call('DEL', attempts) end
local known = redis.call('HGET', attempts, 'run') or ''
if pickUp ~= '' and string.sub(known, 1, #pickUp + 1) ~= pickUp .. ' ' then
  for _, raw in ipairs(entries) do
    local id = idOf(raw)
    if id then
      if not isWhole(redis.call('HGET', attempts, id) or '0') then redis.call('HDEL', attempts, id) end
      redis.call('HINCRBY', attempts, id, 1)
      redis.call('HSET', attempts, 'run', pickUp .. ' ' .. id)
      break
    end
  end
end
local remembered, parkedCount = redis.call('HGETALL', conversationKey), redis.call('LLEN', parked)
local since, count = epochOf(epoch, now, seen)
return { 'open', entries, remembered, parkedCount, redis.call('HGETALL', attempts), since, count, person, record }
