-- Finds work that no worker has.
-- uses: home
-- derives: lease:*
-- The fields and values of the entries about work in the background of a home whose workers live no
-- more. An owner is WORKER_ID#boot; without the lease it is dead. A field begins with the
-- conversation.
local function lostWork(prefix, background, own)
  local found, fields = {}, redis.call('HGETALL', background)
  for index = 1, #fields, 2 do
    local known, entry = pcall(cjson.decode, fields[index + 1])
    local owner = known and type(entry) == 'table' and tostring(entry.owner) or ''
    local worker, boot = string.match(owner, '^(.*)#(%d+)$')
    local isDead = not worker or redis.call('GET', prefix .. ':lease:' .. worker) ~= boot
    if isDead and homeSuffix(prefix, string.match(fields[index], '^%S*')) == own then
      found[#found + 1] = fields[index]
      found[#found + 1] = fields[index + 1]
    end
  end
  return found
end
-- Finds a box with entries and no job to empty it. A job's name under the deduplication key counts
-- only while the job is in one of BullMQ's places: a script of BullMQ that fails half way leaves a
-- job in none, and BullMQ would add no other one while the name is there.
local function isPlaced(base, job)
  for _, set in ipairs({ 'delayed', 'prioritized', 'waiting-children' }) do
    if redis.call('ZSCORE', base .. set, job) then return true end
  end
  for _, list in ipairs({ 'active', 'wait', 'paused' }) do
    if redis.call('LPOS', base .. list, job) then return true end
  end
  return false
end
local function isStranded(prefix, queue, box, conversation)
  if redis.call('LLEN', prefix .. ':' .. box .. ':' .. conversation) == 0 then return false end
  local base = prefix .. ':' .. queue .. ':'
  local job = redis.call('GET', base .. 'de:' .. conversation)
  if job and isPlaced(base, job) then return false end
  if job then redis.call('DEL', base .. 'de:' .. conversation) end
  return true
end
