-- Registers a home at the boot of its VM, and settles the first one. `facts` is JSON of what the VM
-- says of itself, '' where it says nothing. A disk that is not the one which the home has been
-- served from is refused while a worker of that one lives, other than an earlier boot of `worker`;
-- a disk without files may not become the first home of a system whose people have files already,
-- unless `mayBeFirst` is 1: who has only written before the first VM started has none.
-- keys: firstHome, homes, record, known, conversations, people
-- args: prefix, name, id, worker, facts, now, channel, mayBeFirst
-- uses: home
-- derives: heartbeat, heartbeat@*, conversation:*
local first = redis.call('GET', firstHome)
local function havePeopleFiles()
  if redis.call('EXISTS', known, people) > 0 then return true end
  -- An earlier version noted those whose boxes are empty nowhere else.
  for _, conversation in ipairs(redis.call('SMEMBERS', conversations)) do
    if redis.call('HEXISTS', prefix .. ':conversation:' .. conversation, 'session') == 1 then return true end
  end
  return false
end
if not first and mayBeFirst ~= '1' and havePeopleFiles() then return { 'not-first' } end
local suffix = (not first or first == name) and '' or '@' .. name
local disk = redis.call('HGET', record, 'id')
local alive = string.match(redis.call('GET', prefix .. ':heartbeat' .. suffix) or '', '^(.*)#%d+$')
if disk and disk ~= id and alive and alive ~= worker then return { 'live' } end
if not first then redis.call('SET', firstHome, name) end
local function countPeople()
  local seen, count = {}, 0
  for _, person in ipairs(redis.call('HVALS', people)) do
    if not seen[person] then count = count + 1 end
    seen[person] = true
  end
  -- A person's record begins with their first turn.
  for _, set in ipairs({ known, conversations }) do
    for _, conversation in ipairs(redis.call('SMEMBERS', set)) do
      if not seen[conversation] and redis.call('HEXISTS', people, conversation) == 0 then count = count + 1 end
      seen[conversation] = true
    end
  end
  return count
end
-- Who wrote before there were homes is in the first.
if redis.call('HEXISTS', record, 'people') == 0 then
  redis.call('HSET', record, 'people', suffix == '' and countPeople() or 0)
end
redis.call('HSETNX', record, 'since', now)
redis.call('HSET', record, 'id', id)
-- A new computer with the name of one that was emptied and taken away gets people.
if disk and disk ~= id and redis.call('HGET', record, 'people') == '0' then redis.call('HDEL', record, 'draining') end
for field, value in pairs(cjson.decode(facts)) do
  if value == '' then redis.call('HDEL', record, field) else redis.call('HSET', record, field, value) end
end
revive(prefix, record, suffix)
redis.call('SADD', homes, name)
redis.call('PUBLISH', channel, cjson.encode({ kind = 'home', home = suffix }))
return { 'registered', suffix, disk and disk ~= id and 'replaced' or '' }
