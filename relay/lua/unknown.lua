-- Returns the ids without a claim.
-- args: messagePrefix
-- rest: ids
-- derives: message:*
local unknown = {}
for _, id in ipairs(ids) do
  if redis.call('EXISTS', messagePrefix .. id) == 0 then unknown[#unknown + 1] = id end
end
return unknown
