-- keys: outbox, conversationKey, dead, reply, sentence
-- args: prefix, id, conversation, now, lifetimeSeconds, text, nowMs
-- fence: required
-- uses: dead-letters, thread
if isFenced() then return 'fenced' end
if redis.call('LREM', outbox, 1, id) == 0 then return 'gone' end
local fields = redis.pcall('HGETALL', reply)
if fields.err then fields = {} end
fields[#fields + 1] = 'id'
fields[#fields + 1] = id
bury(dead, lifetimeSeconds, now, 'outbox', conversation, cjson.encode(fields))
redis.call('EXPIRE', reply, lifetimeSeconds)
if redis.call('HSETNX', sentence, 'id', id .. '.unreadable') == 1 then
  local seq = redis.call('HINCRBY', conversationKey, 'said', 1)
  redis.call('HSET', sentence, 'conversation', conversation, 'turn', id, 'text', text,
    'at', now, 'status', 'waiting', 'seq', seq)
  redis.call('LPUSH', outbox, id .. '.unreadable')
  noteSaid(prefix, conversation, id .. '.unreadable', nowMs, lifetimeSeconds)
end
return 'set aside'
