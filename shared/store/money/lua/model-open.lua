-- `dayLimit`, `turnLimit` and `monthLimit` are '' without a budget; that of the month is
-- everybody's; `turn` is '' outside a turn. The day's budget is the person's, over all their
-- conversations. A limit of the person's own replaces it, and what they have granted themselves
-- does not raise it.
-- keys: openRequests, daySums, turnSums, conversationKey, monthSums, monthMeter
-- args: id, newNote, conversation, turn, day, dayLimit, turnLimit, monthLimit
-- uses: person, spend, entry
-- derives: conversation:*
if redis.call('HEXISTS', openRequests, id) == 1 then return 'open' end
local prefix, name = string.match(conversationKey, '^({[^}]*}):conversation:(.*)$')
local conversations, own = purseOf(prefix, name)
local limit = own or tonumber(dayLimit)
if limit or turnLimit ~= '' or monthLimit ~= '' then
  local isOwn = {}
  for _, other in ipairs(conversations) do isOwn[other] = true end
  local heldByDay, heldByTurn, heldByMonth = 0, 0, 0
  for _, raw in ipairs(redis.call('HVALS', openRequests)) do
    local note = decode(raw)
    local held, noted = tonumber(note.held) or 0, textOf(note.day) or ''
    if string.sub(noted, 1, 7) == string.sub(day, 1, 7) then heldByMonth = heldByMonth + held end
    if isOwn[note.conversation or ''] and noted == day then heldByDay = heldByDay + held end
    if note.conversation == conversation and note.turn == turn then heldByTurn = heldByTurn + held end
  end
  local function sum(key, ...)
    local all = 0
    for _, field in ipairs({ ... }) do all = all + (tonumber(redis.call('HGET', key, field)) or 0) end
    return all
  end
  local waits = false
  if limit then
    local spent = 0
    for other in pairs(isOwn) do
      spent = spent + sum(daySums, 'usd:' .. other, 'held:' .. other)
      local key = prefix .. ':conversation:' .. other
      local on, dollars = string.match(redis.call('HGET', key, 'granted') or '', '^(%S+) (%S+)$')
      if not own and on == day then limit = limit + (tonumber(dollars) or 0) * 1000000 end
    end
    if spent >= limit then return 'day' end
    waits = waits or (heldByDay > 0 and spent + heldByDay >= limit)
  end
  if turnLimit ~= '' and turn ~= '' then
    local spent = sum(turnSums, 'usd', 'held')
    local most = tonumber(turnLimit) + sum(turnSums, 'granted')
    if spent >= most then return 'turn' end
    waits = waits or (heldByTurn > 0 and spent + heldByTurn >= most)
  end
  if monthLimit ~= '' then
    local total = readTotal(monthSums)
    local spent = (total.usd or 0) + (total.held or 0)
    local most = tonumber(monthLimit) + sum(monthMeter, 'granted')
    if spent >= most then return 'month' end
    waits = waits or (heldByMonth > 0 and spent + heldByMonth >= most)
  end
  if waits then return 'wait' end
end
redis.call('HSET', openRequests, id, newNote)
return 'open'
