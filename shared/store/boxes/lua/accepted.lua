-- If a callback came first, it has already claimed the sid, and that claim is right. A reply
-- without an attempt takes over what was claimed for it while it was missing from the store. A
-- store that is a restored copy may have lost this attempt: the message is out all the same.
-- keys: reply, sent, outbox
-- args: id, sid, lifetimeSeconds, attempt, now
-- uses: reply-counts, box-counts
local isFirst = redis.call('SET', sent, id, 'NX', 'EX', lifetimeSeconds)
if isFirst then meterSent(tagOf(reply), now, reply) end
local isOwn = isFirst or (attempt == '0' and redis.call('GET', sent) == id)
local status, attempts = redis.call('HGET', reply, 'status'), redis.call('HGET', reply, 'attempts')
local isPosting = status == 'posting' and attempts == attempt
local isOpen = status == 'waiting' or status == 'posting' or status == 'queued' or status == 'sent'
local isLost = isFirst and isOpen and (tonumber(attempts or '0') or 0) < tonumber(attempt)
if isLost then redis.call('HSET', reply, 'attempts', attempt) end
if isOwn and (isPosting or isLost) then
  redis.call('HSET', reply, 'sid', sid, 'status', 'queued', 'postedAt', now)
  count(reply, 'status:queued')
  redis.call('LREM', outbox, 1, id)
  redis.call('EXPIRE', reply, lifetimeSeconds)
end
local left = redis.call('LLEN', outbox)
if left == 0 then leave(outbox) end
return left
