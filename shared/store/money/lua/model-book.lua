-- `amounts` is JSON of the amounts so far by field; `state` is open, settled or unsettled.
-- keys: openRequests, daySums, monthSums, turnSums, modelSums, homeSums
-- args: id, amounts, state, most
-- uses: model-sums, spend-lifetimes, entry
local raw = redis.call('HGET', openRequests, id)
if not raw then return 0 end
local note = decode(raw)
if not isNote(note) then return redis.call('HDEL', openRequests, id) end
-- The month's sums by name: of each model and of each home.
local function addTo(sums, name, field, amount)
  if amount == 0 or type(name) ~= 'string' or name == '' then return end
  redis.call('HINCRBY', sums, field .. ':' .. name, string.format('%.0f', amount))
  redis.call('EXPIRE', sums, sumLifetime)
end
local function addByName(field, amount)
  addTo(modelSums, note.model, field, amount)
  addTo(homeSums, note.home, field, amount)
end
for field, amount in pairs(cjson.decode(amounts)) do
  local new = amount - (note.booked[field] or 0)
  add(note, field, new, daySums, monthSums, turnSums)
  addByName(field, new)
  note.booked[field] = amount
end
if state == 'open' then
  note.held = math.max(tonumber(most) - note.booked.usd, 0)
  redis.call('HSET', openRequests, id, cjson.encode(note))
  return 1
end
if state == 'unsettled' then
  add(note, 'unsettled', 1, daySums, monthSums, turnSums)
  add(note, 'held', math.max(note.likely - (note.booked.usd or 0), 0), daySums, monthSums, turnSums)
end
if (note.booked.out or 0) > 0 or (note.booked['in'] or 0) > 0 then
  add(note, 'requests', 1, daySums, monthSums, turnSums)
  addByName('requests', 1)
end
redis.call('HDEL', openRequests, id)
return 1
