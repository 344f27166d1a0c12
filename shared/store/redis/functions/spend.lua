-- Adds to a conversation's sums of a day or a month, and to the sum of all conversations in
-- `spend-total`, so that a reader of that need not go through everybody's. It is `whole` if it began
-- with the conversations' sums; an earlier version wrote those alone.
-- uses: spend-lifetimes
-- derives: spend-total:*
local function totalOf(sums) return (string.gsub(sums, ':spend:', ':spend-total:', 1)) end
local function addSum(sums, conversation, field, text)
  local total = totalOf(sums)
  if redis.call('EXISTS', sums) == 0 then redis.call('HSET', total, 'whole', '1') end
  redis.call('HINCRBY', sums, field .. ':' .. conversation, text)
  redis.call('HINCRBY', total, field, text)
  redis.call('EXPIRE', sums, sumLifetime)
  redis.call('EXPIRE', total, sumLifetime)
end
-- The sums of all conversations by field.
local function readTotal(sums)
  local total, found = redis.call('HGETALL', totalOf(sums)), {}
  for i = 1, #total, 2 do found[total[i]] = tonumber(total[i + 1]) end
  if found.whole then return found end
  local all = redis.call('HGETALL', sums)
  found = {}
  for i = 1, #all, 2 do
    local field = string.match(all[i], '^(%a[%w]*):')
    if field then found[field] = (found[field] or 0) + (tonumber(all[i + 1]) or 0) end
  end
  return found
end
-- Adds a price, encoded by `priceOf`, once. Returns 1 if it was added.
local function record(text)
  local price = cjson.decode(text)
  if not redis.call('SET', price.answer, price.conversation, 'NX', 'EX', answerLifetime) then return 0 end
  for _, sums in ipairs(price.sums) do
    for field, amount in pairs(price.amounts) do addSum(sums, price.conversation, field, amount) end
  end
  return 1
end
