-- The holder is notified on the channel, unless that is ''. An owner is WORKER_ID#boot; without
-- the lease it is dead.
-- keys: live, call
-- args: owner, prefix, channel, conversation
-- derives: lease:*
if redis.call('EXISTS', call) == 1 then return 'taken over' end
local current = redis.call('GET', live)
if current and current ~= owner then
  local worker, boot = string.match(current, '^(.*)#(%d+)$')
  if worker and redis.call('GET', prefix .. ':lease:' .. worker) == boot then
    local word = { kind = 'release', conversation = conversation, owner = current }
    if channel ~= '' then redis.call('PUBLISH', channel, cjson.encode(word)) end
    return current
  end
end
redis.call('SET', live, owner, 'EX', 86400)
if not current or current == owner then return 'claimed' end
-- Sent again after a reply that was lost it says the same: what was kept from before must go.
redis.call('SET', call, '1', 'EX', 3600)
return 'taken over'
