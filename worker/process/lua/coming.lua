-- BullMQ takes from the right. A turn is active when a worker died during it. A command of ours
-- does not go to Claude. `home` is what the queue's name ends in.
-- keys: active, waiting
-- args: prefix, home
-- uses: entry
-- derives: turns:*, turns@*, inbox:*, conversation:*
for _, turns in ipairs({ active, waiting }) do
  local id = redis.call('LINDEX', turns, -1)
  local data = id and redis.call('HGET', prefix .. ':turns' .. home .. ':' .. id, 'data')
  local conversation = data and textOf(decode(data).conversation)
  local first = conversation and redis.call('LINDEX', prefix .. ':inbox:' .. conversation, 0)
  local text = first and textOf(decode(first).text)
  if text and string.sub(text, 1, 1) ~= '/' then
    return { conversation, redis.call('HGETALL', prefix .. ':conversation:' .. conversation) }
  end
end
return { '', {} }
