-- Looks at each of BullMQ's keys of a queue by a command of its type: one of another type, at which
-- every step of BullMQ fails, is moved aside by that (`tolerant.lua`). A `counter` of jobs that is
-- none goes on above every number that it has given out. A job that such a step has added all the
-- same wakes the queue's workers.
-- keys: meta, counter, waiting, paused, active, delayed, prioritized, marker, completed, failed
-- keys: stalled, schedulers, events, limiter, byPriority
-- uses: entry
redis.call('HLEN', meta)
for _, list in ipairs({ waiting, paused, active }) do redis.call('LLEN', list) end
for _, set in ipairs({ delayed, prioritized, marker, completed, failed, schedulers }) do redis.call('ZCARD', set) end
redis.call('SCARD', stalled)
redis.call('XLEN', events)
for _, text in ipairs({ limiter, byPriority }) do redis.call('STRLEN', text) end
local type = redis.call('TYPE', counter)['ok']
if type ~= 'none' and not (type == 'string' and isWhole(redis.call('GET', counter))) then
  redis.call('SET', counter, redis.call('TIME')[1])
end
if redis.call('LLEN', waiting) > 0 then redis.call('ZADD', marker, 0, '0') end
return 1
