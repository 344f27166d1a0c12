-- Asks for a move of a person to another home: the `wanted` one, or with '' one that `placement`
-- allows. Nothing has changed yet but that no turn of theirs begins. Returns an outcome and the
-- homes that it is about; a move that is under way already is named again.
-- keys: move, record, homes
-- args: prefix, person, wanted, placement, by, token, now
-- uses: home
local isOpen = { asked = true, held = true, saved = true, moved = true }
local step, from, to, known = unpack(redis.call('HMGET', move, 'step', 'from', 'to', 'token'))
if step and isOpen[step] then
  if wanted ~= '' and wanted ~= to then return { 'busy', from, to, known } end
  return { 'asked', from, to, known }
end
local conversation = conversationsOf(prefix, person)()
from = conversation and homeName(prefix, conversation)
if not from then return { 'unwritten', '', '', '' } end
local function facts(name)
  return unpack(redis.call('HMGET', prefix .. ':home:' .. name, 'store', 'dead', 'draining', 'takes', 'people'))
end
if wanted == from then return { 'there', from, from, '' } end
if wanted ~= '' and redis.call('SISMEMBER', homes, wanted) == 0 then return { 'unknown', from, wanted, '' } end
local store, dead = facts(from)
if dead then return { 'dead', from, wanted, '' } end
if not store then return { 'no store', from, from, '' } end
to = wanted ~= '' and wanted or freeHome(prefix, placement, store, from)
if not to then return { 'no home', from, '', '' } end
local own, isDead, draining, takes, people = facts(to)
if not own then return { 'no store', from, to, '' } end
if own ~= store then return { 'other store', from, to, '' } end
if isDead then return { 'dead target', from, to, '' } end
if draining then return { 'draining', from, to, '' } end
if takes and (tonumber(people or '0') or 0) >= (tonumber(takes) or 0) then return { 'full', from, to, '' } end
redis.call('DEL', move)
redis.call('HSET', move, 'step', 'asked', 'from', from, 'to', to, 'token', token, 'by', by, 'since', now)
redis.call('HSET', record, 'move', 'from ' .. from .. ' to ' .. to .. ', asked by ' .. by .. ' at ' .. now)
redis.call('HINCRBY', prefix .. ':home:' .. to, 'people', 1)
return { 'asked', from, to, token }
