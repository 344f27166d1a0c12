-- Returned as text, since Redis truncates Lua numbers.
-- keys: turnSums, daySums
-- args: conversation
local function sum(key, ...)
  local all = 0
  for _, field in ipairs({ ... }) do all = all + tonumber(redis.call('HGET', key, field) or 0) end
  return string.format('%.0f', all)
end
local day = sum(daySums, 'usd:' .. conversation, 'held:' .. conversation)
return { sum(turnSums, 'usd', 'held'), sum(turnSums, 'granted'), day }
