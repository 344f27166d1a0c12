-- Returns since when the store has its current data (ISO 8601; '' for always): another run of
-- Redis, another replication history, or a counter that went back mean that the latest writes may
-- be missing, as after a fail-over or a restored copy. The missing writes may have answered or
-- sent anything older. `seen` is the highest count that the caller knows. On a server that hides
-- its INFO from scripts, only the counter decides. A counter that is no whole number is another
-- store's, and begins anew. Returns the time and the count.
local function told(part, pattern)
  local known, info = pcall(redis.call, 'INFO', part)
  return known and string.match(info, pattern) or ''
end
local function epochOf(key, now, seen, first)
  local identity = told('server', 'run_id:(%w+)') .. ' ' .. told('replication', 'master_replid:(%w+)')
  local known, since, count = unpack(redis.call('HMGET', key, 'identity', 'since', 'count'))
  if not known then since = first and now or '' end
  local counted = string.match(count or '0', '^%d+$') and #(count or '0') < 17 and tonumber(count or '0') or -1
  if known and (known ~= identity or counted < tonumber(seen)) then since = now end
  if known ~= identity or counted < tonumber(seen) then redis.call('HSET', key, 'identity', identity, 'since', since, 'count', seen) end
  return since or '', redis.call('HINCRBY', key, 'count', 1)
end
