-- Counts the commands that Redis has processed since it was last asked. A Redis that was restarted
-- begins anew; what it processed between the last look and its end is not known, and is noted as
-- one gap. `now` is ISO 8601.
-- keys: meterOpen
-- args: prefix, run, total, now
-- uses: reply-counts
local known, seen = string.match(redis.call('HGET', meterOpen, 'redis') or '', '^(%S+) (%d+)$')
local added = known == run and tonumber(total) - tonumber(seen) or tonumber(total)
if known and known ~= run then meter(prefix, now, 'commands-gaps', 1) end
if known and added > 0 then meter(prefix, now, 'commands', string.format('%.0f', added)) end
if not known or known ~= run or added > 0 then redis.call('HSET', meterOpen, 'redis', run .. ' ' .. total) end
return 1
