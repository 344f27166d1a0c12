-- `home` is what the names of the home's queues end in.
-- keys: heartbeat, conversations, helps, vm, lease
-- args: prefix, nowMs, soonMs, channel, home
-- rest: queues
-- uses: vm-work
-- derives: turns:*, deliveries:*, schedules:*, turns@*, deliveries@*, schedules@*, inbox:*, outbox:*
for _, queue in ipairs(queues) do look(prefix .. ':' .. queue .. ':', tonumber(nowMs) + tonumber(soonMs)) end
lookAtHelped(prefix, helps, tonumber(nowMs) + tonumber(soonMs))
lookAtBoxes(prefix, conversations, home)
if work then return idle end
redis.call('DEL', heartbeat, lease)
redis.call('HSET', vm, 'state', 'asleep', 'since', nowMs, 'nextDue', nextDue and tostring(nextDue) or '')
redis.call('PUBLISH', channel, cjson.encode({ kind = 'asleep', home = home, nextDue = nextDue or 0 }))
return 'asleep'
