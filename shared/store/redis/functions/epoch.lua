-- Returns since when the store has its current data (ISO 8601; '' for always): another run of
-- Redis, another replication history, or a counter that went back mean that the latest writes may
-- be missing, as after a fail-over or a restored copy. The missing writes may have answered or
-- sent anything older. `seen` is the highest count that the caller knows. On a server that hides
-- its INFO from scripts, only the counter decides. A counter that is no whole number is another
-- store's, and begins anew; so is a note that is gone although the caller knows one, or whose time
-- is none, or later than any clock. Returns the time and the count.
local function told(part, pattern)
  local known, info = pcall(redis.call, 'INFO', part)
  return known and string.match(info, pattern) or ''
end
-- The later of the caller's time and Redis's own, `ahead` (seconds) from now: a call that waited for
-- Redis to come back has the time at which it was made.
local function laterTime(now, ahead)
  local time = redis.call('TIME')
  local seconds, floor = tonumber(time[1]) + ahead, math.floor
  -- The days of a civil calendar whose years begin in March.
  local days = floor(seconds / 86400) + 719468
  local era = floor(days / 146097)
  local day = days - era * 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  local ofYear = day - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * ofYear + 2) / 153)
  local date = ofYear - floor((153 * month + 2) / 5) + 1
  local number = month < 10 and month + 3 or month - 9
  local own = string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year + era * 400 + (number <= 2 and 1 or 0), number, date, floor(seconds / 3600) % 24, floor(seconds / 60) % 60, seconds % 60, floor(tonumber(time[2]) / 1000))
  return own > now and own or now
end
-- Two clocks differ by less (seconds).
local clocksDiffer = 15 * 60
local function isMoment(since, now)
  if since == '' then return true end
  if not since or not string.match(since, '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$') then return false end
  return since <= now or since <= laterTime(now, clocksDiffer)
end
local function epochOf(key, now, seen, first)
  local identity = told('server', 'run_id:(%w+)') .. ' ' .. told('replication', 'master_replid:(%w+)')
  local known, since, count = unpack(redis.call('HMGET', key, 'identity', 'since', 'count'))
  local counted = string.match(count or '0', '^%d+$') and #(count or '0') < 17 and tonumber(count or '0') or -1
  local isOther = known ~= identity or counted < tonumber(seen)
  if not known and not first and tonumber(seen) == 0 then since = ''
  elseif isOther or not isMoment(since, now) then since, isOther = laterTime(now, 0), true end
  if isOther then
    redis.call('HSET', key, 'identity', identity, 'since', since, 'count', counted > tonumber(seen) and count or seen)
  end
  return since, redis.call('HINCRBY', key, 'count', 1)
end
