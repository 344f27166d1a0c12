-- Adds a price, encoded by `priceOf`, once. Returns 1 if it was added.
-- uses: spend-lifetimes
local function record(text)
  local price = cjson.decode(text)
  if not redis.call('SET', price.answer, price.conversation, 'NX', 'EX', answerLifetime) then return 0 end
  for _, sums in ipairs(price.sums) do
    for field, amount in pairs(price.amounts) do redis.call('HINCRBY', sums, field .. ':' .. price.conversation, amount) end
    redis.call('EXPIRE', sums, sumLifetime)
  end
  return 1
end
