-- Protects against a clock that was set back, and a stored count that is none counts as lost.
-- keys: boots
-- args: least
local counted = redis.pcall('INCR', boots)
local boot = type(counted) == 'number' and counted or 0
if boot >= tonumber(least) then return boot end
redis.call('SET', boots, least)
return tonumber(least)
