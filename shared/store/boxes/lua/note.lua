-- keys: reply, sent, outbox, parked, conversationKey
-- args: id, sid, newStatus, action, code, lifetimeSeconds, nowMs, replyPrefix, now
-- uses: failure, reply-counts
-- derives: reply:*, counts, failures
if redis.call('EXISTS', reply) == 0 then return 'unknown' end
local status, known = redis.call('HGET', reply, 'status'), redis.call('HGET', reply, 'sid')
if newStatus == 'failed' and redis.call('HGET', reply, 'failedSid') == sid then
  -- Reported before: a process that died before acting on it gets the same answer again.
  local ledTo = { waiting = 'again', parked = 'parked', failed = 'failed' }
  return ledTo[status] or 'stale'
end
if known ~= sid then
  if known or status ~= 'posting' then return 'stale' end
  local isFirst = redis.call('SET', sent, id, 'NX', 'EX', lifetimeSeconds)
  if isFirst then meterSent(tagOf(reply), now, reply) end
  -- A reply without an attempt takes over what was claimed for it while it was missing from the
  -- store.
  local isOwn = (redis.call('HGET', reply, 'attempts') or '0') == '0' and redis.call('GET', sent) == id
  if not isFirst and not isOwn then return 'stale' end
  redis.call('HSET', reply, 'sid', sid, 'postedAt', now)
  redis.call('LREM', outbox, 1, id)
  redis.call('EXPIRE', reply, lifetimeSeconds)
end
-- A status of a later version is left to that version.
local rank = { waiting = 0, posting = 0, queued = 1, sent = 2, delivered = 3, read = 4, failed = 5, parked = 5, withdrawn = 5 }
if not rank[status] then return 'stale' end
if newStatus == 'failed' then
  if rank[status] >= 3 then return 'stale' end
  return fail(replyPrefix, outbox, parked, conversationKey, id, action, code, tonumber(nowMs), lifetimeSeconds)
end
if rank[newStatus] <= rank[status] then return 'stale' end
redis.call('HSET', reply, 'status', newStatus)
if rank[newStatus] >= 3 then redis.call('HSETNX', reply, 'deliveredAt', now) end
count(reply, 'status:' .. newStatus)
return 'noted'
