-- Counts all schedules that the conversation has ever had. A repeated call, and a request from an
-- earlier run of the turn, get their earlier number.
-- `request` is a digest. A call with the id '' always gets a new number.
-- keys: conversationKey, calls, call
-- args: callId, request, thisRun, lifetimeSeconds
-- fence: required
-- uses: idempotent
if isFenced() then return 'fenced' end
local function count() return redis.call('HINCRBY', conversationKey, 'schedules', 1) end
if callId == '' then return once(call, count) end
local called, asked = 'call:' .. callId, 'asked:' .. request
local number = redis.call('HGET', calls, called)
if number then return tonumber(number) end
local run, earlier = string.match(redis.call('HGET', calls, asked) or '', '^(%d+) (%d+)$')
number = run and run ~= thisRun and earlier or count()
redis.call('HSET', calls, called, number, asked, thisRun .. ' ' .. number)
redis.call('EXPIRE', calls, lifetimeSeconds)
return tonumber(number)
