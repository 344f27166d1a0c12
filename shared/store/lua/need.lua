-- keys: heartbeat, conversations
-- args: prefix, nowMs
-- rest: queues
-- uses: vm-work
-- derives: turns:*, deliveries:*, schedules:*, inbox:*, outbox:*
for _, queue in ipairs(queues) do look(prefix .. ':' .. queue .. ':', tonumber(nowMs)) end
lookAtBoxes(prefix, conversations)
return { work and 1 or 0, math.max(redis.call('PTTL', heartbeat), 0), nextDue and tostring(nextDue) or '' }
