-- What the keys and queues of a conversation's home have behind their names: nothing for the first
-- home, `@NAME` for another. The field `home` of a conversation is settled once, and is missing for
-- the first home.
-- A home that was noted as dead and is back sends for itself again: `revive` takes the note away.
-- derives: conversation:*, first-home, helps, helps@*
local function homeSuffix(prefix, conversation)
  local home = redis.call('HGET', prefix .. ':conversation:' .. conversation, 'home')
  return home and home ~= '' and '@' .. home or ''
end
local function revive(prefix, record, suffix)
  local helper = redis.call('HGET', record, 'helper')
  if not helper then return false end
  local at = helper == redis.call('GET', prefix .. ':first-home') and '' or '@' .. helper
  redis.call('SREM', prefix .. ':helps' .. at, suffix)
  redis.call('HDEL', record, 'dead', 'helper')
  return true
end
