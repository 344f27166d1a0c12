-- Claims the id and appends the message, in one step. The same transaction then adds a turn named
-- after the message. A duplicate must not get a turn, and a transaction cannot branch, so for a
-- duplicate the script creates the job's key until the end of the transaction (BullMQ adds no job
-- whose id exists). The same trick keeps a turn away from a message whose sender belongs elsewhere,
-- and from a queue of another home than the conversation's: `home` is what the names of the
-- caller's queues end in, and a new conversation is placed by `placement`. A message on a separate
-- channel tells the workers about the arrival. `entry` is the message as JSON, `kept` what is kept
-- of it for the owner, '' for the same; `senderJson` is '' if no person sent it. `delayedTurns` is
-- the set of delayed turns, in which entries up to `dueScore` are due. An entry with a time after
-- `at` was said later only if it is not after `saidLaterUntil`: else the clock was set back.
-- keys: message, inbox, conversations, job, deduplication, conversationKey, aliases, allowed
-- args: lifetimeSeconds, conversation, at, entry, channel, messageId, messagePrefix, delayedTurns
-- args: conversationPrefix, senderJson, dueScore, saidLaterUntil, ms, keptSeconds, kept, home
-- args: placement
-- uses: entry, allowed, thread, person, invitation, home, reply-counts
-- derives: message:*, conversation:*, turns:delayed, said:*, first-home, homes, home:*
local sender = senderJson ~= '' and cjson.decode(senderJson)
local function keepJobAway()
  if redis.call('EXISTS', job) == 0 then redis.call('HSET', job, 'placeholder', '1') end
end
local function elsewhere()
  local known = sender.check and redis.call('HGET', aliases, sender.check)
  if known and known ~= conversation then return known end
  for _, rival in ipairs(sender.rivals) do
    if redis.call('EXISTS', conversationKey) == 0 and redis.call('EXISTS', conversationPrefix .. rival) == 1 then
      return rival
    end
  end
end
local other = sender and elsewhere()
if other then
  keepJobAway()
  return 'elsewhere ' .. other
end
local since, tag = allowedSince(allowed, conversation), string.match(aliases, '^{[^}]*}')
-- Twilio's list has whole seconds: within the second of the change a message counts as earlier.
local isEarly = since and sender and sender.missed and string.sub(at, 1, 19) < since
if not since or isEarly or sender and not useInvitation(tag, allowed, conversation, at) then
  keepJobAway()
  return 'refused'
end
-- Gives a person who writes for the first time a home. `placement` is `shared`, which fills one
-- home after the other up to the number that it takes, or `own`, which takes a home without people;
-- the oldest first. A conversation whose person is known, by one of the `addresses`, has that
-- person's home, and every conversation that began before there were homes has the first. Returns
-- what the names of the home's queues end in, and nil when no home is free.
local function place(addresses)
  if redis.call('EXISTS', conversationKey) == 1 then return homeSuffix(tag, conversation) end
  local first = redis.call('GET', tag .. ':first-home')
  if not first then return '' end
  local function settle(name)
    if name == first then return '' end
    redis.call('HSET', conversationKey, 'home', name)
    return '@' .. name
  end
  for _, address in ipairs(addresses) do
    local id = personOf(tag, address)
    local home = id and redis.call('HGET', recordOf(tag, id), 'home')
    -- An earlier version noted the person's directory there.
    if id then return settle(home and redis.call('SISMEMBER', tag .. ':homes', home) == 1 and home or first) end
  end
  local free = freeHome(tag, placement)
  if not free then return nil end
  redis.call('HINCRBY', tag .. ':home:' .. free, 'people', 1)
  return settle(free)
end
local function ownHome()
  if not sender then return homeSuffix(tag, conversation) end
  local addresses = { conversation, sender.address }
  for _, address in ipairs(sender.proven) do addresses[#addresses + 1] = address end
  return place(addresses)
end
local owned = ownHome()
if owned ~= home then
  keepJobAway()
  -- The person is asked to write again: the backfill must not take this one in beside the copy.
  if not owned and redis.call('HSETNX', message, 'conversation', conversation) == 1 then
    redis.call('HSET', message, 'state', 'refused', 'at', at)
    redis.call('EXPIRE', message, lifetimeSeconds)
    meter(tag, at, 'messages:received', 1)
  end
  return owned and 'home ' .. owned or 'no-home'
end
if redis.call('HSETNX', message, 'conversation', conversation) == 1 then
  redis.call('HSET', message, 'state', 'waiting', 'at', at)
  redis.call('EXPIRE', message, lifetimeSeconds)
  redis.call('SET', tag .. ':said:' .. messageId, kept == '' and entry or kept, 'EX', keptSeconds)
  noteSaid(tag, conversation, messageId, ms, keptSeconds)
  local last, placed = redis.call('LINDEX', inbox, -1), false
  -- A late message goes before those that were said after it and that no turn has taken up.
  if last and (atOf(last) or '') > at then
    for _, raw in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
      local id = idOf(raw)
      local time = atOf(raw) or ''
      local isLater = id and time > at and time <= saidLaterUntil
      if not placed and isLater and redis.call('HGET', messagePrefix .. id, 'state') == 'waiting' then
        redis.call('LINSERT', inbox, 'BEFORE', raw, entry)
        placed = true
      end
    end
  end
  if not placed then redis.call('RPUSH', inbox, entry) end
  redis.call('SADD', conversations, conversation)
  if sender then
    meter(tag, at, 'messages:received', 1)
    noteWord(conversationKey, at)
    for _, alias in ipairs(sender.proven) do
      if redis.call('HGET', aliases, alias) ~= conversation then
        redis.call('HSET', aliases, alias, conversation)
        joinAddress(tag, alias, conversation)
      end
    end
    -- Answers go to the address that wrote last; a late message was not the last.
    local since = redis.call('HGET', conversationKey, 'addressAt')
    if since and since <= at or not since and sender.address ~= conversation then
      redis.call('HSET', conversationKey, 'address', sender.address, 'addressAt', at)
    end
  end
  local turn = redis.call('GET', deduplication)
  local putOff = turn and redis.call('ZSCORE', delayedTurns, turn) and true or false
  -- It looks at what has come in: at once where a worker is awake, and it wakes one where none is.
  if putOff then redis.call('ZADD', delayedTurns, 'LT', dueScore, turn) end
  local word = { kind = 'message', conversation = conversation, id = messageId, putOff = putOff }
  redis.call('PUBLISH', channel, cjson.encode(word))
  return 'new'
end
keepJobAway()
local state = redis.call('HGET', message, 'state')
local isOpen = state == 'waiting' or state == 'working'
if isOpen and redis.call('EXISTS', deduplication) == 0 then return 'stranded' end
return 'duplicate'
