-- keys: allowed, asideMessages, asideReplies, inbox, outbox
-- args: prefix, conversation, now
-- uses: allowed, entry, outbox-order, box-counts
-- derives: message:*, reply:*
if not allowedSince(allowed, conversation) then return { 0, 0 } end
local messages, replies = 0, 0
for raw in function() return redis.call('RPOP', asideMessages) or nil end do
  redis.call('LPUSH', inbox, raw)
  local key = prefix .. ':message:' .. (idOf(raw) or '')
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'waiting') end
  messages = messages + 1
end
for id in function() return redis.call('LPOP', asideReplies) or nil end do
  local key = prefix .. ':reply:' .. id
  local status = redis.pcall('HGET', key, 'status')
  if type(status) == 'string' then
    if status == 'parked' then redis.call('HSET', key, 'status', 'waiting', 'at', now) end
    -- What is to be sent lives until it is sent.
    if status == 'parked' or status == 'waiting' or status == 'posting' then redis.call('PERSIST', key) end
    insert(outbox, prefix .. ':reply:', id)
    replies = replies + 1
  elseif redis.call('EXISTS', key) == 1 then
    -- One that cannot be read is told of when its turn comes to be sent.
    redis.call('RPUSH', outbox, id)
    replies = replies + 1
  end
end
if messages + replies > 0 then join(inbox) end
return { messages, replies }
