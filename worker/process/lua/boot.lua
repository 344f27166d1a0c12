-- Protects against a clock that was set back.
-- keys: boots
-- args: least
local boot = redis.call('INCR', boots)
if boot >= tonumber(least) then return boot end
redis.call('SET', boots, least)
return tonumber(least)
