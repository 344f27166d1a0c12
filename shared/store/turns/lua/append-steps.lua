-- Appends entries to the record of a turn, and tells those who watch it. Each entry is a list: its
-- JSON, what is kept of it where there is no room (JSON, '' for nothing), and whose room it takes
-- ('' for none). An entry beyond `mostEntries` is left out. A kind of room has `roomBytes` in a
-- turn; all records together have `totalBytes`, beyond which those that were not added to for
-- longest go.
-- keys: steps, sizes, times, call
-- args: prefix, turn, entries, nowMs, lifetimeSeconds, mostEntries, roomBytes, totalBytes
-- fence: required
-- uses: idempotent
-- derives: steps:*
if isFenced() then return 'fenced' end
local function grow(field, bytes) return tonumber(redis.call('HINCRBY', sizes, field, bytes)) end
local function forget(gone)
  redis.call('DEL', prefix .. ':steps:' .. gone)
  grow('*', -(tonumber(redis.call('HGET', sizes, gone) or '0')))
  redis.call('HDEL', sizes, gone, gone .. ' output', gone .. ' picture')
  redis.call('ZREM', times, gone)
end
return once(call, function()
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', nowMs, 'LIMIT', 0, 100)) do forget(gone) end
  local length, added = redis.call('LLEN', steps), 0
  for _, entry in ipairs(cjson.decode(entries)) do
    local text, bare, room = entry[1], entry[2], entry[3]
    local field = turn .. ' ' .. room
    if room ~= '' and (tonumber(redis.call('HGET', sizes, field) or '0') + #text > tonumber(roomBytes)) then
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
  end
  for _, key in ipairs({ steps, sizes, times }) do redis.call('EXPIRE', key, lifetimeSeconds) end
  redis.call('PUBLISH', steps, length)
  return length
end)
