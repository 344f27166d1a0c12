-- Maintains each home's set of conversations with entries in their inbox or outbox. Code that adds
-- to a box calls `join`, code that may have emptied one calls `leave`; the other keys are derived
-- from the box's, `{TAG}:inbox:CONVERSATION` or `{TAG}:outbox:CONVERSATION`. A conversation that
-- leaves stays in the set of known ones. Scans of the set remove stale members, so a missing
-- `leave`, or a set of an earlier version, costs one look.
-- uses: home
-- derives: conversations, conversations@*, known, parking, given-up, inbox:*, outbox:*, parked:*, conversation:*
local function partsOf(box) return string.match(box, '^({[^}]*}):%l+:(.+)$') end
local function waitingSet(tag, conversation) return tag .. ':conversations' .. homeSuffix(tag, conversation) end
local function join(box)
  local tag, conversation = partsOf(box)
  redis.call('SADD', waitingSet(tag, conversation), conversation)
end
local function leave(box)
  local tag, conversation = partsOf(box)
  if not tag then return end
  if redis.call('EXISTS', tag .. ':inbox:' .. conversation, tag .. ':outbox:' .. conversation) > 0 then return end
  if redis.call('SMOVE', waitingSet(tag, conversation), tag .. ':known', conversation) == 0 then return end
  -- An earlier version did not note these.
  if redis.call('EXISTS', tag .. ':parked:' .. conversation) == 1 then redis.call('SADD', tag .. ':parking', conversation) end
  if redis.call('HEXISTS', tag .. ':conversation:' .. conversation, 'failed') == 1 then redis.call('SADD', tag .. ':given-up', conversation) end
end
