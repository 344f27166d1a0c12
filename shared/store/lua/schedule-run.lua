-- Counts a run once; the most runs of a day are the person's, over all their conversations.
-- keys: runs
-- args: tick, most, lifetimeSeconds
-- uses: person
-- derives: schedule-runs:*
if redis.call('SISMEMBER', runs, tick) == 1 then return 1 end
local prefix, conversation, dayAndKind = string.match(runs, '^({[^}]*}):schedule%-runs:([^:]+)(:.+)$')
local sum = 0
for _, name in ipairs((purseOf(prefix, conversation))) do
  sum = sum + redis.call('SCARD', prefix .. ':schedule-runs:' .. name .. dayAndKind)
end
if sum >= tonumber(most) then return 0 end
redis.call('SADD', runs, tick)
redis.call('EXPIRE', runs, lifetimeSeconds)
return 1
