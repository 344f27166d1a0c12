-- keys: files, fetched
-- args: token, nowMs
if redis.call('ZSCORE', files, token) then return redis.call('HSETNX', fetched, token, nowMs) end
return 0
