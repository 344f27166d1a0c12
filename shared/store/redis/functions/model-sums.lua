-- Adds amounts to the sums of a day, its month and a turn; a turn's hash has no conversation in
-- its fields.
-- uses: spend-lifetimes
local function add(note, field, amount, day, month, turn)
  if amount == 0 then return end
  local text = string.format('%.0f', amount)
  for _, key in ipairs({ day, month }) do
    redis.call('HINCRBY', key, field .. ':' .. note.conversation, text)
    redis.call('EXPIRE', key, sumLifetime)
  end
  if note.turn ~= '' then
    redis.call('HINCRBY', turn, field, text)
    redis.call('EXPIRE', turn, turnLifetime)
  end
end
