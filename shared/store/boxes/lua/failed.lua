-- keys: reply, outbox, parked, conversationKey
-- args: id, action, code, nowMs, attempt, replyPrefix, lifetimeSeconds
-- uses: failure
-- derives: reply:*, counts, failures
local status = redis.call('HGET', reply, 'status')
if (redis.call('HGET', reply, 'attempts') or '0') ~= attempt then return 'superseded' end
-- Noted before: an attempt fails once, and this is the same call again after its answer was lost.
if redis.call('HGET', reply, 'failedAttempt') == attempt then return redis.call('HGET', reply, 'failedTo') end
if status ~= 'posting' and status ~= 'waiting' then return 'superseded' end
local now = tonumber(nowMs)
local outcome = fail(replyPrefix, outbox, parked, conversationKey, id, action, code, now, lifetimeSeconds)
redis.call('HSET', reply, 'failedAttempt', attempt, 'failedTo', outcome)
return outcome
