-- Appends entries to the record of a turn, and tells those who watch it.
-- keys: call
-- args: prefix, turn, record, nowMs, lifetimeSeconds
-- fence: required
-- uses: idempotent, steps
if isFenced() then return 'fenced' end
local function grow(field, bytes) return tonumber(redis.call('HINCRBY', sizes, field, bytes)) end
local function forget(gone)
  redis.call('DEL', prefix .. ':steps:' .. gone)
  grow('*', string.format('%.0f', 0 - (tonumber(redis.call('HGET', sizes, gone) or '0') or 0)))
  redis.call('HDEL', sizes, gone, gone .. ' output', gone .. ' picture')
  redis.call('ZREM', times, gone)
end
return once(call, function() return addEntries(prefix, turn, cjson.decode(record), bare, room = entry[1], entry[2], entry[3]
    local field = turn .. ' ' .. room
    if room ~= '' and ((tonumber(redis.call('HGET', sizes, field) or '0') or 0) + #text > tonumber(roomBytes)) then
      text, room = bare, ''
    end
    if text ~= '' and length < tonumber(mostEntries) then
      if room ~= '' then grow(field, #text) end
      redis.call('RPUSH', steps, text)
      length, added = length + 1, added + #text
    end
  end
  grow(turn, added)
  local total = grow('*', added)
  redis.call('ZADD', times, tonumber(nowMs) + lifetimeSeconds * 1000, turn)
  while total > tonumber(totalBytes) do
    local oldest = redis.call('ZRANGE', times, 0, 0)[1]
    if not oldest or oldest == turn then break end
    forget(oldest)
    total = tonumber(redis.call('HGET', sizes, '*') or '0')
  or 0
  end
  for _, key in ipairs({ steps, sizes, times }) do redis.call('EXPIRE', key, lifetimeSeconds) end)
