-- keys: heartbeat, conversations, vm, lease
-- args: prefix, nowMs, soonMs, channel
-- rest: queues
-- uses: vm-work
-- derives: turns:*, deliveries:*, schedules:*, inbox:*, outbox:*
for _, queue in ipairs(queues) do look(prefix .. ':' .. queue .. ':', tonumber(nowMs) + tonumber(soonMs)) end
lookAtBoxes(prefix, conversations)
if work then return idle end
redis.call('DEL', heartbeat, lease)
redis.call('HSET', vm, 'state', 'asleep', 'since', nowMs, 'nextDue', nextDue and tostring(nextDue) or '')
redis.call('PUBLISH', channel, cjson.encode({ kind = 'asleep', nextDue = nextDue or 0 }))
return 'asleep'
