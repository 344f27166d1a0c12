-- Makes a `job` readable for BullMQ, a job `scheduler`, or what BullMQ keeps for the `next` job.
-- `changes` has the name of a field, its value as it was read and the new one, '' for none; a field
-- that has changed meanwhile stays. A key that is no hash is none of these: it goes to the dead
-- list, and its name leaves the queue. Returns how much it has changed.
-- keys: job, lock, waiting, active, delayed, schedulers, dead
-- args: id, of, lifetimeSeconds, now
-- rest: changes
-- uses: dead-letters
local type = redis.call('TYPE', job)['ok']
if type == 'none' then return 0 end
if type ~= 'hash' then
  bury(dead, lifetimeSeconds, now, 'jobs', '', id .. ': ' .. (type == 'string' and redis.call('GET', job) or type))
  if of == 'scheduler' then
    redis.call('ZREM', schedulers, id)
  elseif of == 'job' then
    redis.call('LREM', waiting, 0, id)
    redis.call('LREM', active, 0, id)
    redis.call('ZREM', delayed, id)
    redis.call('DEL', lock)
  end
  return redis.call('DEL', job)
end
local count = 0
for i = 1, #changes, 3 do
  local field, was, becomes = changes[i], changes[i + 1], changes[i + 2]
  if (redis.call('HGET', job, field) or '') == was then
    if becomes == '' then redis.call('HDEL', job, field) else redis.call('HSET', job, field, becomes) end
    count = count + 1
  end
end
return count
