-- `dayLimit` and `turnLimit` are '' without a budget; `turn` is '' outside a turn.
-- keys: openRequests, daySums, turnSums, conversationKey
-- args: id, newNote, conversation, turn, day, dayLimit, turnLimit
if redis.call('HEXISTS', openRequests, id) == 1 then return 'open' end
if dayLimit ~= '' or turnLimit ~= '' then
  local heldByDay, heldByTurn = 0, 0
  for _, raw in ipairs(redis.call('HVALS', openRequests)) do
    local note = cjson.decode(raw)
    if note.conversation == conversation then
      if note.day == day then heldByDay = heldByDay + note.held end
      if note.turn == turn then heldByTurn = heldByTurn + note.held end
    end
  end
  local function sum(key, ...)
    local all = 0
    for _, field in ipairs({ ... }) do all = all + tonumber(redis.call('HGET', key, field) or 0) end
    return all
  end
  local waits = false
  if dayLimit ~= '' then
    local spent = sum(daySums, 'usd:' .. conversation, 'held:' .. conversation)
    local on, dollars = string.match(redis.call('HGET', conversationKey, 'granted') or '', '^(%S+) (%S+)$')
    local limit = tonumber(dayLimit) + (on == day and tonumber(dollars) or 0) * 1000000
    if spent >= limit then return 'day' end
    waits = waits or (heldByDay > 0 and spent + heldByDay >= limit)
  end
  if turnLimit ~= '' and turn ~= '' then
    local spent = sum(turnSums, 'usd', 'held')
    local limit = tonumber(turnLimit) + sum(turnSums, 'granted')
    if spent >= limit then return 'turn' end
    waits = waits or (heldByTurn > 0 and spent + heldByTurn >= limit)
  end
  if waits then return 'wait' end
end
redis.call('HSET', openRequests, id, newNote)
return 'open'
