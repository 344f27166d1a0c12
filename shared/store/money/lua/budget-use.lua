-- What a turn and its person's day have cost, over all conversations of the person. Returned as
-- text, since Redis truncates Lua numbers; the limit is '' unless the person has one of their own.
-- The last one is what they have granted themselves, as the conversation has it.
-- keys: turnSums, daySums, conversationKey
-- args: conversation
-- uses: person
local prefix = string.match(daySums, '^{[^}]*}')
local function sum(key, ...)
  local all = 0
  for _, field in ipairs({ ... }) do all = all + (tonumber(redis.call('HGET', key, field)) or 0) end
  return all
end
local conversations, limit = purseOf(prefix, conversation)
local day = 0
for _, name in ipairs(conversations) do day = day + sum(daySums, 'usd:' .. name, 'held:' .. name) end
local amounts = { sum(turnSums, 'usd', 'held'), sum(turnSums, 'granted'), day }
local reply = {}
for index, amount in ipairs(amounts) do reply[index] = string.format('%.0f', amount) end
reply[4] = limit and string.format('%.0f', limit) or ''
reply[5] = redis.call('HGET', conversationKey, 'granted') or ''
return reply
