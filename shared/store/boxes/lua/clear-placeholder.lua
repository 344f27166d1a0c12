-- keys: job
if redis.call('HEXISTS', job, 'placeholder') == 1 then return redis.call('DEL', job) end
return 0
