-- For the ledger: counts a reply's new status or a Twilio error code, and remembers permanently
-- failed replies, the latest `mostFailures`. The keys have the tag of the reply's.
-- derives: counts, failures, meter:*
local mostFailures = 200
local function tagOf(key) return string.match(key, '^{[^}]*}') end
local function count(reply, what) redis.call('HINCRBY', tagOf(reply) .. ':counts', what, 1) end
local function rememberFailure(reply, id, now)
  local failures = tagOf(reply) .. ':failures'
  redis.call('ZADD', failures, now, id)
  redis.call('ZREMRANGEBYRANK', failures, 0, -mostFailures - 1)
end
-- Adds to a meter of a moment's day and month (UTC; `now` is ISO 8601). Kept for 400 days, as the
-- spend.
local function meter(prefix, now, field, amount)
  for _, time in ipairs({ string.sub(now, 1, 10), string.sub(now, 1, 7) }) do
    local key = prefix .. ':meter:' .. time
    local isFirst = redis.call('EXISTS', key) == 0
    redis.call('HINCRBY', key, field, amount)
    if isFirst then redis.call('EXPIRE', key, 400 * 24 * 3600) end
  end
end
-- Counts a message that Twilio has accepted, by its kind: each id once.
local function meterSent(prefix, now, reply)
  local fields = redis.pcall('HMGET', reply, 'template', 'file', 'choices', 'asText')
  if fields.err then fields = {} end
  local function has(index) return type(fields[index]) == 'string' and fields[index] ~= '' end
  local kind = has(1) and 'template' or has(2) and 'file' or has(3) and not has(4) and 'buttons' or 'text'
  meter(prefix, now, 'messages:' .. kind, 1)
end
