-- Notes the current target address in a reply: the address that wrote last.
local function address(conversation, reply)
  local to = redis.call('HGET', conversation, 'address')
  if to then redis.call('HSET', reply, 'to', to) else redis.call('HDEL', reply, 'to') end
end
