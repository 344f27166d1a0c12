-- Deletes a person's links with these ids, or all without `ids`. Returns how many are gone.
-- derives: link:*, links:*
local function revokeLinks(prefix, person, ids)
  local list, gone = prefix .. ':links:' .. person, 0
  for _, id in ipairs(ids or redis.call('ZRANGE', list, 0, -1)) do
    -- Only a link of this person's own list is deleted.
    if redis.call('ZREM', list, id) == 1 then
      redis.call('DEL', prefix .. ':link:' .. id)
      gone = gone + 1
    end
  end
  return gone
end
