-- `amounts` is JSON of the amounts so far by field; `state` is open, settled or unsettled.
-- keys: openRequests, daySums, monthSums, turnSums
-- args: id, amounts, state, most
-- uses: model-sums
local raw = redis.call('HGET', openRequests, id)
if not raw then return 0 end
local note = cjson.decode(raw)
for field, amount in pairs(cjson.decode(amounts)) do
  add(note, field, amount - (note.booked[field] or 0), daySums, monthSums, turnSums)
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
end
redis.call('HDEL', openRequests, id)
return 1
