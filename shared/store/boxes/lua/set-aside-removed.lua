-- keys: allowed
-- args: prefix, setAsideSeconds
-- rest: conversations
-- uses: allowed, set-aside
local moved = {}
for _, conversation in ipairs(conversations) do
  if not allowedSince(allowed, conversation) then
    local messages, replies = setAside(prefix, conversation, setAsideSeconds)
    if messages + replies > 0 then moved[#moved + 1] = conversation end
  end
end
return moved
