-- Moves given-up messages back to the head of the inbox, the oldest first, and returns how many.
-- `ids` is JSON of the wanted ones, which say from then on that they come `again`; a `note` goes
-- with the first. A turn that runs meanwhile removes its own messages by id, so messages before
-- them do not disturb it.
-- uses: entry, box-counts
-- derives: message:*, given-up
local function requeue(prefix, inbox, conversation, ids, note)
  local wanted = {}
  for _, id in ipairs(cjson.decode(ids)) do wanted[id] = true end
  local back, left = {}, {}
  for _, raw in ipairs(decode(redis.call('HGET', conversation, 'failed') or '[]')) do
    local id = textOf(raw) and idOf(raw)
    local list = id and wanted[id] and back or left
    list[#list + 1] = raw
  end
  for i = #back, 1, -1 do
    local raw = back[i]
    -- Within a string the quotes would be escaped.
    if not string.find(raw, '"again":true', 1, true) then raw = string.sub(raw, 1, -2) .. ',"again":true}' end
    if i == 1 and note and note ~= '' then raw = string.sub(raw, 1, -2) .. ',"note":' .. cjson.encode(note) .. '}' end
    redis.call('LPUSH', inbox, raw)
    local key = prefix .. ':message:' .. idOf(back[i])
    if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'waiting') end
  end
  if #back == 0 then return 0 end
  join(inbox)
  local meta = decode(redis.call('HGET', conversation, 'failedMeta') or '{}')
  for _, raw in ipairs(back) do meta[idOf(raw)] = nil end
  if #left > 0 then
    redis.call('HSET', conversation, 'failed', cjson.encode(left), 'failedMeta', cjson.encode(meta))
  else
    redis.call('HDEL', conversation, 'failed', 'failedMeta')
    local tag, name = partsOf(inbox)
    redis.call('SREM', tag .. ':given-up', name)
  end
  return #back
end
