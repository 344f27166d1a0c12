-- Stores given-up messages, each once and byte for byte, in the conversation's `failed`;
-- `failedMeta` has the time and the turn of each by its id. Entries of an earlier version have
-- neither: they get the current time, so that they expire as well. At most `mostKept` a
-- conversation are kept for a retry.
-- uses: entry, dead-letters
-- derives: given-up
local mostKept = 100
local function keep(conversation, dead, number, entries, sentence, now, before, lifetime)
  local stored = redis.call('HGET', conversation, 'failed')
  local all, known, meta = stored and decode(stored) or {}, {}, decode(redis.call('HGET', conversation, 'failedMeta') or '{}')
  if stored and stored ~= '[]' and #all == 0 then bury(dead, lifetime, now, 'failed', number, stored) end
  for _, raw in ipairs(all) do
    known[raw] = true
    local id = textOf(raw) and idOf(raw)
    if id and not meta[id] then meta[id] = { at = now } end
  end
  for _, raw in ipairs(entries) do
    if not known[raw] then all[#all + 1] = raw end
    meta[idOf(raw)] = { at = now, turn = sentence and sentence.turn or nil }
  end
  local left, leftMeta = {}, {}
  for index, raw in ipairs(all) do
    local id = textOf(raw) and idOf(raw)
    local isOld = id and type(meta[id]) == 'table' and (textOf(meta[id].at) or now) < before
    if not isOld and index > #all - mostKept then
      left[#left + 1] = raw
      if id then leftMeta[id] = meta[id] end
    end
  end
  redis.call(#left == 0 and 'SREM' or 'SADD', string.match(dead, '^{[^}]*}') .. ':given-up', number)
  if #left == 0 then
    redis.call('HDEL', conversation, 'failed', 'failedMeta')
  else
    redis.call('HSET', conversation, 'failed', cjson.encode(left), 'failedMeta', cjson.encode(leftMeta))
  end
end
