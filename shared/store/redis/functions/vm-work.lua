-- Checks the queues of a home. Sets `work` (something to do now or soon) and `nextDue` (ms, or
-- nil).
-- uses: box-counts, home
local work, nextDue = false, nil
local function look(base, soon)
  if redis.call('LLEN', base .. 'wait') + redis.call('LLEN', base .. 'active') + redis.call('ZCARD', base .. 'prioritized') > 0 then work = true end
  local due = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
  if due then
    due = math.floor(tonumber(due) / 0x1000)
    if due <= soon then work = true end
    if not nextDue or due < nextDue then nextDue = due end
  end
end
-- What a home sends and says for homes whose computers do not come up, by the suffixes in the set.
local function lookAtHelped(prefix, helps, soon)
  for _, home in ipairs(redis.call('SMEMBERS', helps)) do
    for _, queue in ipairs({ 'deliveries', 'schedules' }) do look(prefix .. ':' .. queue .. home .. ':', soon) end
  end
end
local idle = {}
-- An inbox whose conversation has a turn is that queue's affair: a turn may be put off for hours.
-- Where a queue has work, no box need be looked into.
local function lookAtBoxes(prefix, conversations, home)
  if work then return end
  for _, conversation in ipairs(redis.call('SMEMBERS', conversations)) do
    local waits = redis.call('LLEN', prefix .. ':inbox:' .. conversation) > 0
    local actual = homeSuffix(prefix, conversation)
    local sends = redis.call('LLEN', prefix .. ':outbox:' .. conversation) > 0
    if not waits and not sends then leave(prefix .. ':inbox:' .. conversation) end
    if actual ~= home then
      -- Written by an earlier version, or before the person had this home.
      redis.call('SMOVE', conversations, prefix .. ':conversations' .. actual, conversation)
    elseif sends or waits and redis.call('EXISTS', prefix .. ':turns' .. home .. ':de:' .. conversation) == 0 then
      work = true
      idle[#idle + 1] = conversation
      if #idle == 100 then return end
    end
  end
end
