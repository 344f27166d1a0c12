-- `home` is what the names of the home's queues end in.
-- keys: heartbeat, conversations, helps
-- args: prefix, nowMs, home
-- rest: queues
-- uses: vm-work
-- derives: turns:*, deliveries:*, schedules:*, turns@*, deliveries@*, schedules@*, inbox:*, outbox:*
for _, queue in ipairs(queues) do look(prefix .. ':' .. queue .. ':', tonumber(nowMs)) end
lookAtHelped(prefix, helps, tonumber(nowMs))
lookAtBoxes(prefix, conversations, home)
return { work and 1 or 0, math.max(redis.call('PTTL', heartbeat), 0), nextDue and tostring(nextDue) or '' }
