-- A worker has made a person's repository, or has failed to.
-- keys: making
-- args: token
if redis.call('GET', making) == token then redis.call('DEL', making) end
return 1
