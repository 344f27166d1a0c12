-- The record of a turn for its live page: entries as JSON, and what they take of the room of all
-- records. `record` is JSON: its `entries`, and the limits `mostEntries`, `roomBytes` and
-- `totalBytes`. Each entry is a list: its JSON, what is kept of it where there is no room (JSON, ''
-- for nothing), and whose room it takes ('' for none). An entry beyond `mostEntries` is left out. A
-- kind of room has `roomBytes` in a turn; all records together have `totalBytes`, beyond which those
-- that were not added to for longest go.
-- derives: steps:*, step-sizes, step-times
local function addEntries(prefix, turn, record, nowMs, lifetime)
  local sizes, times = prefix .. ':step-sizes', prefix .. ':step-times'
  local steps = prefix .. ':steps:' .. turn
  local function grow(field, bytes) return tonumber(redis.call('HINCRBY', sizes, field, bytes)) end
  local function sizeOf(field) return tonumber(redis.call('HGET', sizes, field) or '0') or 0 end
  local function forget(gone)
    redis.call('DEL', prefix .. ':steps:' .. gone)
    grow('*', string.format('%.0f', 0 - sizeOf(gone)))
    redis.call('HDEL', sizes, gone, gone .. ' output', gone .. ' picture')
    redis.call('ZREM', times, gone)
  end
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', nowMs, 'LIMIT', 0, 100)) do forget(gone) end
  local length, added = redis.call('LLEN', steps), 0
  for _, entry in ipairs(record.entries) do
    local text, bare, room = entry[1], entry[2], entry[3]
    local field = turn .. ' ' .. room
    if room ~= '' and sizeOf(field) + #text > record.roomBytes then text, room = bare, '' end
    if text ~= '' and length < record.mostEntries then
      if room ~= '' then grow(field, #text) end
      redis.call('RPUSH', steps, text)
      length, added = length + 1, added + #text
    end
  end
  grow(turn, added)
  local total = grow('*', added)
  redis.call('ZADD', times, tonumber(nowMs) + lifetime * 1000, turn)
  while total > record.totalBytes do
    local oldest = redis.call('ZRANGE', times, 0, 0)[1]
    if not oldest or oldest == turn then break end
    forget(oldest)
    total = sizeOf('*')
  end
  for _, key in ipairs({ steps, sizes, times }) do redis.call('EXPIRE', key, lifetime) end
  redis.call('PUBLISH', steps, length)
  return length
end
-- For a script with another task, which a record that cannot be written must not hold up. What
-- stands last already was sent again. Without `begins` only a record that exists goes on.
local function noteInRecord(prefix, turn, record, nowMs, lifetime, begins)
  pcall(function()
    local steps, note = prefix .. ':steps:' .. turn, cjson.decode(record)
    local last = redis.call('LINDEX', steps, -1)
    if last ~= note.entries[#note.entries][1] and (begins or last) then
      addEntries(prefix, turn, note, nowMs, lifetime)
    end
  end)
end
