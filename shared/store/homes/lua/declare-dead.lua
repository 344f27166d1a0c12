-- Notes that a home's computer does not come up, and which other home sends for it: an awake one,
-- or the oldest. What it was helping with goes to that home as well. Returns what the names of the
-- helper's queues end in, its name, and since when the home is noted; 'alive' when a worker of the
-- home lives after all, and 'alone' when there is no other home. Safe to repeat: another relay
-- finds the same.
-- keys: firstHome, homes, record, heartbeat
-- args: prefix, name, now, channel
-- derives: home:*, heartbeat@*, helps, helps@*
if redis.call('EXISTS', heartbeat) == 1 then return { 'alive' } end
local first = redis.call('GET', firstHome)
local function suffixFor(other) return other == first and '' or '@' .. other end
local function isFit(other)
  return other and other ~= name and redis.call('SISMEMBER', homes, other) == 1
    and redis.call('HEXISTS', prefix .. ':home:' .. other, 'dead') == 0
end
local helper = redis.call('HGET', record, 'helper')
if redis.call('HEXISTS', record, 'dead') == 1 and isFit(helper) then return { 'helped', suffixFor(helper), helper, redis.call('HGET', record, 'dead') } end
local others = redis.call('SMEMBERS', homes)
local function rank(other)
  local isAwake = redis.call('EXISTS', prefix .. ':heartbeat' .. suffixFor(other)) == 1
  return (isAwake and '0 ' or '1 ') .. (redis.call('HGET', prefix .. ':home:' .. other, 'since') or '') .. ' ' .. other
end
helper = nil
for _, other in ipairs(others) do
  if isFit(other) and (not helper or rank(other) < rank(helper)) then helper = other end
end
if not helper then return { 'alone' } end
local own, target = prefix .. ':helps' .. suffixFor(name), prefix .. ':helps' .. suffixFor(helper)
for _, other in ipairs(others) do
  if redis.call('HGET', prefix .. ':home:' .. other, 'helper') == name then
    redis.call('HSET', prefix .. ':home:' .. other, 'helper', helper)
    redis.call('SADD', target, suffixFor(other))
  end
end
redis.call('DEL', own)
redis.call('SREM', prefix .. ':helps' .. suffixFor(redis.call('HGET', record, 'helper') or ''), suffixFor(name))
redis.call('HSETNX', record, 'dead', now)
redis.call('HSET', record, 'helper', helper)
redis.call('SADD', target, suffixFor(name))
redis.call('PUBLISH', channel, cjson.encode({ kind = 'dead', home = suffixFor(name), helper = suffixFor(helper) }))
return { 'helped', suffixFor(helper), helper, redis.call('HGET', record, 'dead') }
