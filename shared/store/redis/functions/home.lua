-- What the keys and queues of a conversation's home have behind their names: nothing for the first
-- home, `@NAME` for another. The field `home` of a conversation is settled once, and is missing for
-- the first home.
-- derives: conversation:*
local function homeSuffix(prefix, conversation)
  local home = redis.call('HGET', prefix .. ':conversation:' .. conversation, 'home')
  return home and home ~= '' and '@' .. home or ''
end
