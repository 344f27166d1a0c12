-- Adds amounts to the sums of a day, its month and a turn; a turn's hash has no conversation in
-- its fields.
-- uses: spend, spend-lifetimes
local function add(note, field, amount, day, month, turn)
  if amount == 0 then return end
  local text = string.format('%.0f', amount)
  for _, sums in ipairs({ day, month }) do addSum(sums, note.conversation, field, text) end
  if note.turn ~= '' then
    redis.call('HINCRBY', turn, field, text)
    redis.call('EXPIRE', turn, turnLifetime)
  end
end
-- Whether a stored note of an open request has what the scripts read.
local function isNote(note)
  local function are(kind, ...)
    for _, value in ipairs({ ... }) do
      if type(value) ~= kind then return false end
    end
    return true
  end
  return are('string', note.conversation or 0, note.turn or 0, note.day or 0, note.owner or 0)
    and are('number', note.at or '', note.likely or '') and type(note.booked) == 'table'
    and are('number', note.booked.usd or 0, note.booked.out or 0, note.booked['in'] or 0)
end
