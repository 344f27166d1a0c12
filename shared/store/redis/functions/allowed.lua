-- Returns since when an address may write (ISO 8601; '' for from the beginning), nil if it may
-- not. Until a relay has written the list, or if it cannot be read, every address may write: the
-- relay's own list decides then.
local function allowedSince(allowed, address)
  local list = redis.pcall('HGET', allowed, 'list')
  if type(list) ~= 'string' then return '' end
  local since = string.match(redis.call('HGET', allowed, address) or '', '^allowed since ([^,]+)')
  return since == 'the beginning' and '' or since
end
