-- The current state of turns: the given `ids`, or those of an index, newest first, that fit what is
-- asked. `words` are spellings of the wanted words in small ASCII letters; `states` are the wanted
-- states; both are JSON lists, and an empty one asks for nothing. `before` and `since` bound the
-- time (ms); the search continues behind the turn `after`, which had the time `afterMs`. It ends
-- with `most` turns, or after `mostRead`. `wantedHome` is what the names of the home's queues end
-- in, or `any`. Answers the turns, whether there are more, and the last turn with its time.
-- keys: index, parking, turnWords
-- args: prefix, ids, words, states, before, since, after, afterMs, most, mostRead, wantedHome
-- uses: entry, home
-- derives: turn:*, turn-messages:*, turn-replies:*, message:*, said:*, reply:*, parked:*, conversation:*
-- derives: turns:*, turns@*, spend-turn:*
local wordList, wanted, repliesRead, chunk = cjson.decode(words), {}, 40, 500
for _, state in ipairs(cjson.decode(states)) do wanted[state] = true end
-- The turns with an answer that waits until the person writes.
local function parkedTurns()
  local found = {}
  for _, conversation in ipairs(redis.call('SRANDMEMBER', parking, 500)) do
    for _, id in ipairs(redis.call('LRANGE', prefix .. ':parked:' .. conversation, 0, 99)) do
      local turn = redis.pcall('HGET', prefix .. ':reply:' .. id, 'turn')
      if type(turn) == 'string' then found[turn] = true end
    end
  end
  return found
end
local parkedIn = parkedTurns()
local function hasWords(text)
  for _, word in ipairs(wordList) do
    if text and string.find(text, word, 1, true) then return true end
  end
  return #wordList == 0
end
local function isAsking(turn, conversation)
  local known = decode(redis.call('HGET', prefix .. ':conversation:' .. conversation, 'questions') or '')
  return known.turn == turn and type(known.open) == 'table'
end
-- A turn has the state of its messages, and of several states that which most needs a look. A
-- message that is worked on waits when no worker holds its turn.
local function stateOf(turn, conversation, queue, found)
  if found.working or found.waiting then
    if isAsking(turn, conversation) then return 'waiting for you' end
    if found.working and redis.call('EXISTS', queue .. ':' .. turn .. ':lock') == 1 then return 'working' end
    return 'waiting'
  end
  for _, state in ipairs({ 'failed', 'set aside' }) do
    if found[state] then return state end
  end
  if parkedIn[turn] then return 'parked' end
  return found.answered and 'answered' or 'unknown'
end
local function replyOf(id)
  local fields = redis.pcall('HMGET', prefix .. ':reply:' .. id, 'status', 'at', 'postedAt', 'deliveredAt', 'pacedMs', 'aside', 'code')
  return fields.err and { 'unreadable' } or fields
end
local homeOf = {}
-- Many turns are of few conversations.
local function knownHome(conversation)
  homeOf[conversation] = homeOf[conversation] or homeSuffix(prefix, conversation)
  return homeOf[conversation]
end
-- The turn, or nil if it is in another state, or of another home: that is asked first.
local function lineOf(id)
  local messages, found, texts = {}, {}, {}
  local record = prefix .. ':turn:' .. id
  local conversation = redis.call('HGET', record, 'conversation') or ''
  local home = knownHome(conversation)
  if wantedHome ~= 'any' and home ~= wantedHome then return nil end
  local own = redis.call('LRANGE', prefix .. ':turn-messages:' .. id, 0, 199)
  for index, message in ipairs(own) do
    local state, attempts = unpack(redis.call('HMGET', prefix .. ':message:' .. message, 'state', 'attempts'))
    if state then found[state] = true end
    messages[index] = { message, state, attempts }
    texts[index] = prefix .. ':said:' .. message
  end
  local queue = prefix .. ':turns' .. home
  local state = stateOf(id, conversation, queue, found)
  if next(wanted) and not wanted[state] then return nil end
  if #own > 0 then texts = redis.call('MGET', unpack(texts)) end
  for index in ipairs(own) do messages[index][4] = texts[index] end
  local replies = {}
  for index, reply in ipairs(redis.call('LRANGE', prefix .. ':turn-replies:' .. id, 0, repliesRead - 1)) do
    replies[index] = replyOf(reply)
  end
  local due = redis.call('ZSCORE', queue .. ':delayed', id)
  local usd = redis.call('HGET', prefix .. ':spend-turn:' .. id, 'usd')
  return { id, redis.call('ZSCORE', index, id), state, due, usd, redis.call('HGETALL', record), messages, replies, home }
end
local turns, read = {}, 0
if ids ~= '' then
  local list = cjson.decode(ids)
  local texts = (#wordList > 0 and #list > 0) and redis.call('HMGET', turnWords, unpack(list)) or {}
  for place, id in ipairs(list) do
    if hasWords(texts[place]) then turns[#turns + 1] = lineOf(id) end
  end
  return { turns, 0 }
end
local at = 0
if after ~= '' then
  local rank = redis.call('ZREVRANK', index, after)
  at = rank and rank + 1 or redis.call('ZCOUNT', index, '(' .. afterMs, '+inf')
end
if before ~= '' then at = math.max(at, redis.call('ZCOUNT', index, before, '+inf')) end
local last, lastMs = after, afterMs
while true do
  local part, names = redis.call('ZREVRANGE', index, at, at + chunk - 1, 'WITHSCORES'), {}
  for i = 1, #part, 2 do names[#names + 1] = part[i] end
  local texts = (#wordList > 0 and #names > 0) and redis.call('HMGET', turnWords, unpack(names)) or {}
  for place, id in ipairs(names) do
    local ms = part[place * 2]
    if since ~= '' and tonumber(ms) < tonumber(since) then return { turns, 0 } end
    if #turns == tonumber(most) or read == tonumber(mostRead) then return { turns, 1, last, lastMs } end
    read, last, lastMs = read + 1, id, ms
    if hasWords(texts[place]) then turns[#turns + 1] = lineOf(id) end
  end
  if #names < chunk then return { turns, 0 } end
  at = at + chunk
end
