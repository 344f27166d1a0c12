-- The next step of a move, and `failed` before the home has changed: asked, held (no turn runs),
-- saved (a snapshot has everything), moved (home and epoch are the new ones), done. Home and epoch
-- change in this script alone, and only while no worker of the old home works or sends for the
-- person. Returns the step that the move is at then; 'busy' while it must wait, and 'gone' when it
-- is no longer this move. `fields` is JSON of what is noted with the step. A repeated call changes
-- nothing.
-- keys: move, record
-- args: prefix, person, token, step, fields, keptSeconds, channel
-- uses: home
local known, at, from, to = unpack(redis.call('HMGET', move, 'token', 'step', 'from', 'to'))
if known ~= token then return 'gone' end
local order = { asked = 1, held = 2, saved = 3, moved = 4, done = 5 }
local function note()
  redis.call('HSET', move, 'step', step)
  for field, value in pairs(cjson.decode(fields)) do redis.call('HSET', move, field, value) end
end
local function close()
  redis.call('HDEL', move, 'secrets')
  redis.call('EXPIRE', move, keptSeconds)
  redis.call('HDEL', record, 'move')
end
local place = order[at]
if step == 'failed' then
  if not place or place >= order.moved then return at end
  note()
  close()
  redis.call('HINCRBY', prefix .. ':home:' .. to, 'people', -1)
  return 'failed'
end
if not place or order[step] ~= place + 1 then return at end
local home = nameSuffix(prefix, from)
if step == 'held' and isAtWork(prefix, person, home, { 'turns' }) then return 'busy' end
if step == 'moved' then
  if isAtWork(prefix, person, home, { 'turns', 'deliveries' }) then return 'busy' end
  note()
  redis.call('HSET', move, 'epoch', giveHome(prefix, person, from, to))
  redis.call('PUBLISH', channel, cjson.encode({ kind = 'work', home = nameSuffix(prefix, to) }))
  return 'moved'
end
note()
if step == 'done' then close() end
return step
