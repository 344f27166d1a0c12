-- `severalTooOld` contains N for the number of answers. The time parked does not count as waiting
-- for Twilio.
-- keys: parked, outbox, conversationKey, call
-- args: replyPrefix, now, conversation, oneTooOld, severalTooOld, nowMs, lifetimeSeconds
-- uses: outbox-order, idempotent, box-counts, thread
-- derives: reply:*, parking
return once(call, function()
  local count, gone = 0, 0
  for id in function() return redis.call('LPOP', parked) or nil end do
    local key = replyPrefix .. id
    -- An unreadable reply is reported when it is about to be sent.
    local type = redis.call('TYPE', key)['ok']
    if type == 'none' then gone = gone + 1
    elseif type ~= 'hash' then redis.call('RPUSH', outbox, id)
    else
      -- The time it was first said still decides whether it may have been sent already.
      redis.call('HSETNX', key, 'saidAt', redis.call('HGET', key, 'at') or now)
      redis.call('HSET', key, 'status', 'waiting', 'at', now)
      redis.call('PERSIST', key)
      insert(outbox, replyPrefix, id)
      count = count + 1
    end
  end
  local tag = partsOf(parked)
  redis.call('SREM', tag .. ':parking', conversation)
  if gone == 0 then return count end
  join(outbox)
  local seq = redis.call('HINCRBY', conversationKey, 'said', 1)
  local id = conversation .. '.too-old.' .. seq
  local text = gone == 1 and oneTooOld or string.gsub(severalTooOld, 'N', tostring(gone), 1)
  redis.call('HSET', replyPrefix .. id, 'id', id, 'conversation', conversation, 'turn', id, 'text', text,
    'at', now, 'status', 'waiting', 'seq', seq)
  redis.call('RPUSH', outbox, id)
  noteSaid(tag, conversation, id, nowMs, lifetimeSeconds)
  return count + 1
end)
