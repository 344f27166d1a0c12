-- keys: runs
-- args: tick, most, lifetimeSeconds
if redis.call('SISMEMBER', runs, tick) == 1 then return 1 end
if redis.call('SCARD', runs) >= tonumber(most) then return 0 end
redis.call('SADD', runs, tick)
redis.call('EXPIRE', runs, lifetimeSeconds)
return 1
