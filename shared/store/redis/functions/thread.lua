-- A conversation's thread: when the person last wrote, what was said by either side, in order, and
-- which turn each message belongs to. `at` is ISO 8601, `ms` are ms since 1970, `lifetime` seconds.
-- uses: entry
-- derives: thread:*, message:*, turn:*, turn-messages:*, turn-times, turns-of:*, turns-failed
-- derives: turn-words, said:*
-- This opens WhatsApp's 24-hour window.
local function noteWord(conversation, at)
  local last = redis.call('HGET', conversation, 'wroteAt')
  if not last or last < at then redis.call('HSET', conversation, 'wroteAt', at) end
end
-- Adds to an index by time, and drops at most a hundred entries that are older than its lifetime.
local function addByTime(index, id, ms, lifetime, onDrop)
  redis.call('ZADD', index, 'NX', ms, id)
  local old = string.format('%.0f', tonumber(ms) - lifetime * 1000)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', '(' .. old, 'LIMIT', 0, 100)) do
    redis.call('ZREM', index, gone)
    if onDrop then onDrop(gone) end
  end
  redis.call('EXPIRE', index, lifetime)
end
local function noteSaid(prefix, conversation, id, ms, lifetime)
  addByTime(prefix .. ':thread:' .. conversation, id, ms, lifetime)
end
-- What the search finds a turn by: the texts, the number and the names of its messages, in small
-- ASCII letters. A text counts with its first 1,000 bytes, a turn with 4,000.
local function noteWords(prefix, turn, message, lifetime)
  local words, said = prefix .. ':turn-words', decode(redis.call('GET', prefix .. ':said:' .. message) or '')
  local known = redis.call('HGET', words, turn) or ''
  if #known >= 4000 then return end
  local parts = { known, string.sub(textOf(said.text) or '', 1, 1000), textOf(said.conversation) or '', textOf(said.profileName) or '' }
  redis.call('HSET', words, turn, string.lower(table.concat(parts, '\n')))
  redis.call('EXPIRE', words, lifetime)
end
-- A message belongs to the turn that took it up last. A turn that has lost all its messages is no
-- longer listed, and says where the last one went. A turn is listed at the time of its first
-- message.
local function linkTurn(prefix, turn, conversation, id, ms, lifetime)
  local message = prefix .. ':message:' .. id
  local known = redis.call('HGET', message, 'turn')
  if known == turn then return end
  local all, failed = prefix .. ':turn-times', prefix .. ':turns-failed'
  local ofConversation = prefix .. ':turns-of:' .. conversation
  local function forget(gone)
    redis.call('HDEL', prefix .. ':turn-words', gone)
    redis.call('ZREM', failed, gone)
  end
  if known then
    local left = prefix .. ':turn-messages:' .. known
    redis.call('LREM', left, 1, id)
    if redis.call('EXISTS', left) == 0 then
      for _, index in ipairs({ all, ofConversation }) do redis.call('ZREM', index, known) end
      forget(known)
      local record = prefix .. ':turn:' .. known
      if redis.call('EXISTS', record) == 1 then redis.call('HSET', record, 'next', turn) end
    end
  end
  redis.call('HSET', message, 'turn', turn)
  local own, record = prefix .. ':turn-messages:' .. turn, prefix .. ':turn:' .. turn
  redis.call('RPUSH', own, id)
  redis.call('EXPIRE', own, lifetime)
  redis.call('HSET', record, 'conversation', conversation)
  redis.call('HSETNX', record, 'begunAt', ms)
  redis.call('EXPIRE', record, lifetime)
  local first = redis.call('ZSCORE', prefix .. ':thread:' .. conversation, id) or ms
  addByTime(all, turn, first, lifetime, forget)
  addByTime(ofConversation, turn, first, lifetime)
  noteWords(prefix, turn, id, lifetime)
end
-- Lists a turn among those that have given messages up.
local function noteFailed(prefix, turn, ms, lifetime)
  addByTime(prefix .. ':turns-failed', turn, redis.call('ZSCORE', prefix .. ':turn-times', turn) or ms, lifetime)
end
-- The turn of BullMQ's lock on its job; nil without a lock on a turn.
local function turnOf(lock) return string.match(lock, ':turns@?[a-z0-9-]*:(.+):lock$') end
