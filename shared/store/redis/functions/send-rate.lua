-- The generic cell rate algorithm: the key holds the theoretical arrival time, at which everything
-- sent is paid off; a message may go out while that is less than the burst ahead. Returns 0, or how
-- long to wait (ms). It is never more than a burst ahead, unless the clock was set back: then it
-- would count the time until the clock has caught up.
local function reserve(key, now, interval, burst)
  local paid, most = math.max(tonumber(redis.call('GET', key) or '0') or 0, now), now + burst * interval
  if paid > most then
    paid = most
    redis.call('SET', key, paid, 'PX', math.ceil(paid - now) + 1000)
  end
  local wait = paid + interval - burst * interval - now
  if wait > 0 then return math.ceil(wait) end
  redis.call('SET', key, paid + interval, 'PX', math.ceil(paid + interval - now) + 1000)
  return 0
end
