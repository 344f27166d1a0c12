-- Gives a person of a dead home another one, where a complete snapshot of theirs can be restored:
-- the `wanted` one, the one that a move cut off by the death led to, or one that `placement`
-- allows. Home and epoch change in this step. Returns an outcome and the homes that it is about; a
-- repeated call names the same.
-- keys: move, record, snapshot
-- args: prefix, person, wanted, placement, token, now, channel
-- uses: home
-- derives: heartbeat, heartbeat@*
local step, from, to, known = unpack(redis.call('HMGET', move, 'step', 'from', 'to', 'token'))
if step == 'moved' and redis.call('HEXISTS', prefix .. ':home:' .. to, 'dead') == 0 then return { 'moved', from, to, known } end
local isCutOff = step == 'asked' or step == 'held' or step == 'saved'
-- Their new home has died before they had arrived, or they have lived there.
if not isCutOff then
  local conversation = conversationsOf(prefix, person)()
  from, to = conversation and homeName(prefix, conversation), nil
end
if not from then return { 'unwritten', '', '', '' } end
local home = prefix .. ':home:' .. from
local at = nameSuffix(prefix, from)
if redis.call('HEXISTS', home, 'dead') == 0 or redis.call('EXISTS', prefix .. ':heartbeat' .. at) == 1 then
  return { 'alive', from, '', '' }
end
local taken = redis.call('HGET', snapshot, 'at')
if not taken then return { 'no snapshot', from, '', '' } end
local store = redis.call('HGET', home, 'store')
if not store then return { 'no store', from, from, '' } end
local function fits(name)
  local own, dead = unpack(redis.call('HMGET', prefix .. ':home:' .. name, 'store', 'dead'))
  return name ~= from and own == store and not dead
end
if to and not fits(to) then
  redis.call('HINCRBY', prefix .. ':home:' .. to, 'people', -1)
  redis.call('HDEL', move, 'step')
  to = nil
end
local isCounted = to ~= nil
if not to and wanted ~= '' then to = fits(wanted) and wanted or nil
elseif not to then to = freeHome(prefix, placement, store, from) end
if not to then return { 'no home', from, '', '' } end
if isAtWork(prefix, person, at, { 'turns', 'deliveries' }) then return { 'busy', from, to, '' } end
-- What a cut-off move has sealed for its target is only good for that one.
local secrets = isCounted and redis.call('HGET', move, 'secrets') or nil
redis.call('DEL', move)
redis.call('HSET', move, 'step', 'moved', 'from', from, 'to', to, 'token', token, 'by', 'dead', 'since', now,
  'snapshot', taken, 'epoch', giveHome(prefix, person, from, to))
if secrets then redis.call('HSET', move, 'secrets', secrets) end
redis.call('HSET', record, 'move', 'from ' .. from .. ', which does not come up, to ' .. to .. ' at ' .. now)
if not isCounted then redis.call('HINCRBY', prefix .. ':home:' .. to, 'people', 1) end
redis.call('PUBLISH', channel, cjson.encode({ kind = 'work', home = nameSuffix(prefix, to) }))
return { 'moved', from, to, token }
