-- For the ledger: counts a reply's new status or a Twilio error code, and remembers permanently
-- failed replies, the latest `mostFailures`. The keys have the tag of the reply's.
-- derives: counts, failures
local mostFailures = 200
local function tagOf(key) return string.match(key, '^{[^}]*}') end
local function count(reply, what) redis.call('HINCRBY', tagOf(reply) .. ':counts', what, 1) end
local function rememberFailure(reply, id, now)
  local failures = tagOf(reply) .. ':failures'
  redis.call('ZADD', failures, now, id)
  redis.call('ZREMRANGEBYRANK', failures, 0, -mostFailures - 1)
end
