-- keys: live
-- args: owner
if redis.call('GET', live) == owner then redis.call('DEL', live) end
return 1
