-- If a callback came first, it has already claimed the sid, and that claim is right. A reply
-- without an attempt takes over what was claimed for it while it was missing from the store.
-- keys: reply, sent, outbox
-- args: id, sid, lifetimeSeconds, attempt
-- uses: reply-counts, box-counts
local isFirst = redis.call('SET', sent, id, 'NX', 'EX', lifetimeSeconds)
local isOwn = isFirst or (attempt == '0' and redis.call('GET', sent) == id)
local isPosting = isOwn and redis.call('HGET', reply, 'status') == 'posting'
if isPosting and redis.call('HGET', reply, 'attempts') == attempt then
  redis.call('HSET', reply, 'sid', sid, 'status', 'queued')
  count(reply, 'status:queued')
  redis.call('LREM', outbox, 1, id)
  redis.call('EXPIRE', reply, lifetimeSeconds)
end
local left = redis.call('LLEN', outbox)
if left == 0 then leave(outbox) end
return left
