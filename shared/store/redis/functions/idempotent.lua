-- For a script that must take effect only once although ioredis resends it when the connection
-- breaks before its reply: the same call gets the reply of its first run. `call` is a key of
-- `callKey`; replies are strings or whole numbers. A reply is kept for an hour: a connection that
-- broke resends a script as soon as it is back.
local replyLifetime = 3600
local function once(call, work)
  local known = redis.call('GET', call)
  local isRead, kept = pcall(cjson.decode, known or '')
  if isRead and type(kept) == 'table' then return kept[1] end
  local reply = work()
  redis.call('SET', call, cjson.encode({ reply }), 'EX', replyLifetime)
  return reply
end
