-- `only` is waiting or ''. A callback may have settled an unclear attempt meanwhile. One that is
-- repeated without ever having been found counts as not settled: Twilio may have taken it.
-- keys: reply, outbox, conversationKey, allowed
-- args: now, id, conversation, only, callId
-- fence: optional
-- uses: attempt, allowed, reply-counts
if isFenced() then return 'fenced' end
-- It stays where it is: the next look at the outbox sets all of it aside.
if not allowedSince(allowed, conversation) then return 'settled' end
local status = redis.call('HGET', reply, 'status')
if hasBegunAttempt(reply, status, callId) then return tonumber(redis.call('HGET', reply, 'attempts')) end
if only == 'waiting' and status ~= 'waiting' then return 'settled' end
if status ~= 'waiting' and (status ~= 'posting' or redis.call('HEXISTS', reply, 'sid') == 1) then
  redis.call('LREM', outbox, 1, id)
  return 'settled'
end
local isRepeated = status == 'posting' and (tonumber(redis.call('HGET', reply, 'attempts')) or 0) > 0
if isRepeated then meter(tagOf(reply), now, 'messages-open', 1) end
return beginAttempt(reply, conversationKey, now, callId)
