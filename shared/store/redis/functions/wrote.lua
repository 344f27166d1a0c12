-- Notes when the person last wrote: this opens WhatsApp's 24-hour window. `at` is ISO 8601.
local function noteWord(conversation, at)
  local last = redis.call('HGET', conversation, 'wroteAt')
  if not last or last < at then redis.call('HSET', conversation, 'wroteAt', at) end
end
