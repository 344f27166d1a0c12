-- Moves everything a conversation has waiting (inbox, outbox, parked replies) out of the queues,
-- and returns the numbers of messages and replies. All of it expires `seconds` after the last move,
-- also the replies themselves, which had no end while they were to be sent.
-- The keys are built from `prefix` and the conversation.
-- uses: entry
-- derives: inbox:*, outbox:*, parked:*, attempts:*, message:*, reply:*, set-aside:*
local function setAside(prefix, conversation, seconds)
  local counts = { messages = 0, replies = 0 }
  local function move(from, what, note)
    local source, target = prefix .. ':' .. from .. ':' .. conversation, prefix .. ':set-aside:' .. what .. ':' .. conversation
    for entry in function() return redis.call('LPOP', source) or nil end do
      redis.call('RPUSH', target, entry)
      if note then note(entry) end
      counts[what] = counts[what] + 1
    end
    if counts[what] > 0 then redis.call('EXPIRE', target, seconds) end
  end
  move('inbox', 'messages', function(entry)
    local key = prefix .. ':message:' .. (idOf(entry) or '')
    if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'set aside') end
  end)
  move('parked', 'replies')
  move('outbox', 'replies')
  if counts.replies > 0 then
    for _, id in ipairs(redis.call('LRANGE', prefix .. ':set-aside:replies:' .. conversation, 0, -1)) do
      redis.call('EXPIRE', prefix .. ':reply:' .. id, seconds)
    end
  end
  redis.call('DEL', prefix .. ':attempts:' .. conversation)
  return counts.messages, counts.replies
end
