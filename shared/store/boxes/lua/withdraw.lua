-- All turns if `onlyTurn` is ''. A reply that is being posted stays: Twilio may have it.
-- keys: outbox, call
-- args: replyPrefix, onlyTurn, lifetimeSeconds
-- fence: required
-- uses: idempotent
-- derives: reply:*
if isFenced() then return 'fenced' end
return once(call, function()
  local count = 0
  for _, id in ipairs(redis.call('LRANGE', outbox, 0, -1)) do
    local fields = redis.pcall('HMGET', replyPrefix .. id, 'status', 'aside', 'turn')
    if fields.err then fields = {} end
    local status, aside, turn = unpack(fields, 1, 3)
    if status == 'waiting' and aside and (onlyTurn == '' or turn == onlyTurn) then
      redis.call('LREM', outbox, 1, id)
      redis.call('HSET', replyPrefix .. id, 'status', 'withdrawn')
      redis.call('EXPIRE', replyPrefix .. id, lifetimeSeconds)
      count = count + 1
    end
  end
  return count
end)
