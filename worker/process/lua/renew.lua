-- Renews the lease, unless a newer boot of the same worker exists: then this one is fenced off. A
-- job is an orphan when its boot does not hold its worker's lease, or when its boot is this one and
-- does not know the job (a connection can break between Redis's step and its reply), now and at the
-- renewal before, or once if the job has no lock; its lock is removed, its owner is boot 0, which
-- no lease names, so that no run of it goes on, and it is marked as stalled, which is where
-- BullMQ's own recovery takes over. `unheard`: JSON of what the last renewal returned as such,
-- `queue:id@begun`. A worker that hangs with an open connection swallows the marker by which BullMQ
-- wakes the others: the first renewal sets one, and so does any renewal that finds waiting jobs
-- without a marker. A job running here whose lock is another's is reported as lost; a lock that
-- expired while this worker was halted, and that no other has taken, is taken again. A renewal
-- also ends the wake that started this worker: the relay may have died during it, and a restored
-- copy may have an old one, from which the next wake would count. Each renewal checks a batch of
-- conversations for items that wait without a job, whatever the cause, and Redis's memory, which
-- some servers do not report to a script; and whether a dead worker has left work in the background. A job of a conversation, or the next attempt of a schedule, that is
-- further in the future than its own delay and `slackMs` is due: the clock was set back meanwhile. A
-- turn that waits for a date looks at the date and waits on. The channel is '' except at the first
-- renewal; the running `jobs` are JSON of `queue:id=token`; the `cursor` is the position among the conversations, of which a
-- `batch` is checked; `home` is what the names of the home's queues end in. A home that was noted
-- as dead is back with this. `mark` is what this worker has left last on its disk, '' for none, and
-- `since` when it began: the other workers of the home get it and return theirs.
-- keys: lease, boots, heartbeat, waking, vm, conversations, background, record, helps, beats
-- args: ownWorker, ownBoot, holdMs, prefix, nowMs, channel, jobs, unheard, unheardMs, cursor, batch
-- args: lockMs, slackMs, home, mark, since
-- rest: queues
-- uses: lost-work, home
-- derives: turns:*, deliveries:*, schedules:*, turns@*, deliveries@*, schedules@*, inbox:*, outbox:*
-- derives: lease:*
local newest = redis.call('GET', boots)
if newest and (tonumber(newest) or 0) > tonumber(ownBoot) then return { 'fenced' } end
redis.call('SET', lease, ownBoot, 'PX', holdMs)
redis.call('SET', heartbeat, ownWorker .. '#' .. ownBoot, 'PX', holdMs)
local isRevived = revive(prefix, record, home) and 1 or 0
redis.call('DEL', waking, vm)
if channel ~= '' then
  redis.call('PUBLISH', channel, cjson.encode({ kind = 'awake', home = home }))
end
local freed, running, lost, unheardNow, unheardBefore = {}, {}, {}, {}, {}
for _, name in ipairs(cjson.decode(unheard)) do unheardBefore[name] = true end
-- A job that is no hash has no fields.
local function textIn(job, field)
  local value = redis.pcall('HGET', job, field)
  return type(value) == 'string' and value or ''
end
local function numberIn(job, field) return tonumber(textIn(job, field)) or 0 end
local function isLost(base, id, token)
  local lock = redis.call('GET', base .. id .. ':lock')
  if lock then return lock ~= token end
  local isOurs = textIn(base .. id, 'pb') == ownWorker .. '#' .. ownBoot
  if not isOurs or not redis.call('LPOS', base .. 'active', id) then return true end
  redis.call('SET', base .. id .. ':lock', token, 'PX', lockMs)
  redis.call('SREM', base .. 'stalled', id)
  return false
end
for _, name in ipairs(cjson.decode(jobs)) do
  local queue, id, token = string.match(name, '^([%w@-]+):(.*)=([^=]*)$')
  running[queue .. ':' .. id] = true
  if isLost(prefix .. ':' .. queue .. ':', id, token) then lost[#lost + 1] = name end
end
for _, queue in ipairs(queues) do
  local base, count = prefix .. ':' .. queue .. ':', 0
  for _, id in ipairs(redis.call('LRANGE', base .. 'active', 0, -1)) do
    local worker, boot = string.match(textIn(base .. id, 'pb'), '^(.*)#(%d+)$')
    local type = redis.call('TYPE', base .. id)['ok']
    -- The recovery takes it out of the queue.
    if type ~= 'hash' and type ~= 'none' then count = count + 1 end
    local orphan = worker and redis.call('GET', prefix .. ':lease:' .. worker) ~= boot
    if worker == ownWorker and boot == ownBoot and not running[queue .. ':' .. id] then
      local begun = redis.call('HEXISTS', base .. id, 'processedOn') == 1 and numberIn(base .. id, 'processedOn') or tonumber(nowMs)
      local name = queue .. ':' .. id .. '@' .. string.format('%.0f', begun)
      local isLocked = redis.call('EXISTS', base .. id .. ':lock') == 1
      local isOld = begun < tonumber(nowMs) - tonumber(unheardMs)
      orphan = isOld and (unheardBefore[name] or not isLocked)
      if not orphan and (isOld or not isLocked) then unheardNow[#unheardNow + 1] = name end
    end
    if orphan then
      redis.call('DEL', base .. id .. ':lock')
      redis.call('HSET', base .. id, 'pb', worker .. '#0')
      redis.call('SADD', base .. 'stalled', id)
      count = count + 1
    end
  end
  if count > 0 then redis.call('DEL', base .. 'stalled-check') end
  local isDated = string.match(queue, '^schedules') ~= nil
  local latest = tonumber(nowMs) + tonumber(slackMs)
  local far = redis.call('ZREVRANGEBYSCORE', base .. 'delayed', '+inf', string.format('(%.0f', latest * 0x1000), 'WITHSCORES', 'LIMIT', 0, 500)
  for index = 1, #far, 2 do
    local id = far[index]
    local isJob = redis.call('TYPE', base .. id)['ok'] == 'hash'
    -- A schedule that has begun waits for its next attempt, and no longer for its date.
    local isPause = isJob and (not isDated or numberIn(base .. id, 'atm') > 0)
    if isPause and tonumber(far[index + 1]) / 0x1000 > latest + numberIn(base .. id, 'delay') then
      redis.call('ZADD', base .. 'delayed', string.format('%.0f', tonumber(nowMs) * 0x1000), id)
      redis.call('ZADD', base .. 'marker', 0, '0')
    end
  end
  local due = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
  local waits = redis.call('LLEN', base .. 'wait') > 0 or (due and tonumber(due) / 0x1000 <= tonumber(nowMs))
  if channel ~= '' or (waits and redis.call('EXISTS', base .. 'marker') == 0) then
    redis.call('ZADD', base .. 'marker', 0, '0')
  end
  if count > 0 then freed[#freed + 1] = queue end
end
local told, info = pcall(redis.call, 'INFO', 'memory')
local used, most = string.match(told and info or '', 'used_memory:(%d+)'), string.match(told and info or '', '\nmaxmemory:(%d+)')
local found, stranded = redis.call('SSCAN', conversations, cursor, 'COUNT', batch), {}
for _, conversation in ipairs(found[2]) do
  local wantsTurn = isStranded(prefix, 'turns' .. home, 'inbox', conversation)
  if wantsTurn or isStranded(prefix, 'deliveries' .. home, 'outbox', conversation) then
    stranded[#stranded + 1] = conversation
  end
end
if mark ~= '' then
  redis.call('HSET', beats, ownWorker, ownBoot .. ' ' .. since .. ' ' .. mark)
  redis.call('PEXPIRE', beats, holdMs)
end
local known, others = redis.call('HGETALL', beats), {}
for index = 1, #known, 2 do
  local worker, beat = known[index], known[index + 1]
  if redis.call('GET', prefix .. ':lease:' .. worker) ~= string.match(beat, '^%d+') then
    redis.call('HDEL', beats, worker)
  elseif worker ~= ownWorker then
    others[#others + 1] = { worker, beat }
  end
end
local hasLostWork = #lostWork(prefix, background, home) > 0 and 1 or 0
return { 'renewed', freed, found[1], stranded, used or '', most or '0', lost, hasLostWork, redis.call('SMEMBERS', helps), others, isRevived, unheardNow }
