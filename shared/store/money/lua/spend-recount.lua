-- Counts the sums of all conversations of several days or months anew, from those of each: an
-- earlier version may have written without them meanwhile.
-- keys: first
-- rest: others
-- uses: spend, spend-lifetimes
-- derives: spend:*
local function recount(sums)
  local total = totalOf(sums)
  redis.call('DEL', total)
  if redis.call('EXISTS', sums) == 0 then return end
  for field, value in pairs(readTotal(sums)) do redis.call('HSET', total, field, string.format('%.0f', value)) end
  redis.call('HSET', total, 'whole', '1')
  redis.call('EXPIRE', total, sumLifetime)
end
recount(first)
for _, sums in ipairs(others) do recount(sums) end
return 1
