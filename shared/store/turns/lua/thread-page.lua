-- A part of a thread, newest first, from before the time `before` ('' for the end) on: each entry
-- with its time, and what it is: a message (as the inbox got it, its state, its turn), or the
-- fields of a reply.
-- keys: thread
-- args: prefix, before, most
-- derives: message:*, said:*, reply:*
local found = {}
local from = before == '' and '+inf' or '(' .. before
local part = redis.call('ZREVRANGEBYSCORE', thread, from, '-inf', 'WITHSCORES', 'LIMIT', 0, most)
for i = 1, #part, 2 do
  local id, ms = part[i], part[i + 1]
  local state, turn, attempts = unpack(redis.call('HMGET', prefix .. ':message:' .. id, 'state', 'turn', 'attempts'))
  if state then
    found[#found + 1] = { 'message', id, ms, redis.call('GET', prefix .. ':said:' .. id), state, turn, attempts }
  else
    local fields = redis.pcall('HGETALL', prefix .. ':reply:' .. id)
    found[#found + 1] = { 'reply', id, ms, fields.err and {} or fields }
  end
end
return found
