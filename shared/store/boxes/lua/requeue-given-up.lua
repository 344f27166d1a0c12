-- `ids` is JSON of the wanted messages; `askedBy` is the id of the requesting message.
-- keys: inbox, conversationKey, call
-- args: prefix, askedBy, ids, conversation, nowMs, lifetimeSeconds
-- fence: required
-- uses: requeue, idempotent, entry, thread
-- derives: message:*
if isFenced() then return 'fenced' end
return once(call, function()
  local count = requeue(prefix, inbox, conversationKey, ids)
  if count == 0 then return 0 end
  for _, raw in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
    if idOf(raw) == askedBy then redis.call('LREM', inbox, 1, raw) end
  end
  redis.call('HSET', prefix .. ':message:' .. askedBy, 'state', 'answered')
  local turn = turnOf(lock)
  if turn then linkTurn(prefix, turn, conversation, askedBy, nowMs, lifetimeSeconds) end
  return count
end)
