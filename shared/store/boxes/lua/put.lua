-- The replies and the ids are JSON; `state` applies to the settled ids, of which `retry` can bring
-- back the `keptIds`. Messages given up before `forgottenBefore` are dropped. The price may be ''.
-- None of the `answeredIds` may wait before the settled ones: else the store has lost their
-- answers, and nothing is put before those. `reason` says why the settled ones failed, or is ''.
-- `home` is what the names of the caller's queues end in: where the conversation's home is another,
-- nothing is done, and the key of the `job` keeps the delivery away. `news` is what the record of
-- the turn gets, if it has one.
-- keys: outbox, inbox, conversationKey, attempts, dead, allowed, job
-- args: prefix, lifetimeSeconds, conversation, now, replies, settledIds, state, price, keptIds
-- args: forgottenBefore, answeredIds, nowMs, reason, home, news
-- rest: unreadable
-- fence: optional
-- The newest reply with choices is what a text may answer, until something else is said to the
-- person that is neither urgent nor beside an answer.
-- uses: spend, allowed, outbox-order, entry, dead-letters, given-up, thread, home, steps
-- derives: conversations, conversations@*, reply:*, turn-replies:*, message:*, given-up, spend:*, spend-answer:*
if price ~= '' then record(price) end
local owned = homeSuffix(prefix, conversation)
if owned ~= home and replies ~= '[]' then
  redis.call('HSET', job, 'placeholder', '1')
  redis.call('EXPIRE', job, 60)
  return 'home ' .. owned
end
if isFenced() then return 'fenced' end
if token ~= '' and not allowedSince(allowed, conversation) then return 'not allowed' end
-- Whether one of the messages waits before the first of the others, or at all without any of those.
local function waitsBefore(ids, others)
  local from = 0
  while true do
    local entries = redis.call('LRANGE', inbox, from, from + 49)
    for _, raw in ipairs(entries) do
      local id = idOf(raw)
      if id and others[id] then return false end
      if id and ids[id] then return true end
    end
    if #entries < 50 then return false end
    from = from + 50
  end
end
local function setOf(ids)
  local set = {}
  for _, id in ipairs(cjson.decode(ids)) do set[id] = true end
  return set
end
local before = setOf(answeredIds)
if next(before) and waitsBefore(before, setOf(settledIds)) then return 'lost' end
local new = 0
for _, reply in ipairs(cjson.decode(replies)) do
  local key = prefix .. ':reply:' .. reply.id
  if redis.call('HSETNX', key, 'id', reply.id) == 1 then
    local seq = redis.call('HINCRBY', conversationKey, 'said', 1)
    redis.call('HSET', key, 'conversation', conversation, 'turn', reply.turn, 'text', reply.text,
      'at', now, 'status', 'waiting', 'seq', seq)
    for _, field in ipairs({ 'file', 'template', 'choices', 'session', 'urgent', 'aside', 'tick', 'saidAt' }) do
      if reply[field] ~= '' then redis.call('HSET', key, field, reply[field]) end
    end
    if reply.choices ~= '' then
      redis.call('HSET', conversationKey, 'offered', reply.id, 'offeredUntil', '')
    elseif reply.urgent == '' and reply.aside == '' then
      local over = redis.call('HGET', conversationKey, 'offeredUntil')
      if over == '' then redis.call('HSET', conversationKey, 'offeredUntil', now) end
    end
    -- It lives until it is sent, and for its lifetime from then on.
    if reply.urgent == '' then
      redis.call('RPUSH', outbox, reply.id)
    else
      insert(outbox, prefix .. ':reply:', reply.id)
    end
    local ofTurn = prefix .. ':turn-replies:' .. reply.turn
    redis.call('RPUSH', ofTurn, reply.id)
    redis.call('EXPIRE', ofTurn, lifetimeSeconds)
    noteSaid(prefix, conversation, reply.id, nowMs, lifetimeSeconds)
    new = new + 1
  end
end
redis.call('SADD', prefix .. ':conversations' .. owned, conversation)
local settled, changed, turn = {}, false, token ~= '' and turnOf(lock)
for _, id in ipairs(cjson.decode(settledIds)) do
  settled[id] = true
  local key = prefix .. ':message:' .. id
  -- What was given up stays so, whatever a later answer covers, until it is brought back.
  local isGivenUp = state == 'answered' and redis.call('HGET', key, 'state') == 'failed'
  local isKnown = redis.call('EXISTS', key) == 1
  changed = changed or isKnown and redis.call('HGET', key, 'state') ~= state
  if isKnown and not isGivenUp then redis.call('HSET', key, 'state', state) end
  -- A restored store has lost the claim of a message that a turn still had: without it the backfill
  -- would assume that the message never came in.
  if not isKnown and string.match(id, '^[SM]M%x+$') then
    redis.call('HSET', key, 'conversation', conversation, 'state', state)
    redis.call('EXPIRE', key, lifetimeSeconds)
  end
  local tries = redis.call('HGET', attempts, id)
  if isKnown and tries then redis.call('HSET', key, 'attempts', tries) end
  if turn and redis.call('EXISTS', key) == 1 then linkTurn(prefix, turn, conversation, id, nowMs, lifetimeSeconds) end
  redis.call('HDEL', attempts, id)
end
local turnRecord = turn and changed and prefix .. ':turn:' .. turn
if turnRecord and redis.call('EXISTS', turnRecord) == 1 then
  redis.call('HSET', turnRecord, 'settledAt', nowMs)
  if reason ~= '' then redis.call('HSET', turnRecord, 'failure', reason) end
  if state == 'failed' then noteFailed(prefix, turn, nowMs, lifetimeSeconds) end
end
local wanted, kept = {}, {}
for _, id in ipairs(cjson.decode(keptIds)) do wanted[id] = true end
-- From the head, where they nearly always are, no further than the last of them.
local from, missing = 0, 0
for _ in pairs(settled) do missing = missing + 1 end
while missing > 0 do
  local entries, gone = redis.call('LRANGE', inbox, from, from + 49), 0
  for _, raw in ipairs(entries) do
    local id = idOf(raw)
    if id and settled[id] and redis.call('LREM', inbox, 1, raw) > 0 then
      gone, missing, settled[id] = gone + 1, missing - 1, nil
      if wanted[id] then kept[#kept + 1] = raw end
    end
  end
  if #entries < 50 then break end
  from = from + 50 - gone
end
if #kept > 0 or (next(settled) and redis.call('HEXISTS', conversationKey, 'failed') == 1) then
  keep(conversationKey, dead, conversation, kept, cjson.decode(replies)[1], now, forgottenBefore, lifetimeSeconds)
end
for _, raw in ipairs(unreadable) do
  if redis.call('LREM', inbox, 1, raw) > 0 then bury(dead, lifetimeSeconds, now, 'inbox', conversation, raw) end
end
if turn and (new > 0 or changed) then noteInRecord(prefix, turn, news, nowMs, lifetimeSeconds) end
local left = redis.call('LLEN', inbox)
if left == 0 then redis.call('DEL', attempts) end
return { new, left }
