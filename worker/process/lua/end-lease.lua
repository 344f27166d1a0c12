-- Deletes this boot's lease and heartbeat; a newer boot may have started meanwhile. Notifies a
-- relay that relies on the heartbeat that the worker is gone.
-- keys: lease, heartbeat
-- args: worker, boot, channel, home
if redis.call('GET', lease) == boot then redis.call('DEL', lease) end
if redis.call('GET', heartbeat) == worker .. '#' .. boot then
  redis.call('DEL', heartbeat)
  redis.call('PUBLISH', channel, cjson.encode({ kind = 'asleep', home = home, nextDue = 0 }))
end
return 1
