-- The id and the record of a conversation's person. A record that is missing begins now, with the
-- id `newId`; without `newId` the reply names the conversation that the id is made from.
-- keys: people, aliases, allowed
-- args: prefix, conversation, newId, now
-- uses: person
-- derives: conversation:*, first-home
local id = redis.call('HGET', people, conversation)
if not id then
  -- A user id beside a number leads to the number's conversation.
  local target = redis.call('HGET', aliases, conversation) or conversation
  id = redis.call('HGET', people, target)
  if not id and newId == '' then return { '', { target } } end
  id = id or newId
  local record = recordOf(prefix, id)
  redis.call('HSETNX', record, 'since', now)
  addAddress(prefix, id, conversation, true)
  if target ~= conversation then addAddress(prefix, id, target, true) end
  local known = redis.call('HGETALL', aliases)
  for index = 1, #known, 2 do
    if known[index + 1] == target then joinAddress(prefix, known[index], target) end
  end
  id = redis.call('HGET', people, conversation)
  local function note(field, words)
    if type(words) == 'string' and words ~= '' then redis.call('HSETNX', recordOf(prefix, id), field, words) end
  end
  note('allowed', redis.pcall('HGET', allowed, target))
  note('allowed', redis.pcall('HGET', allowed, conversation))
  note('home', redis.call('HGET', prefix .. ':conversation:' .. conversation, 'home') or redis.call('GET', prefix .. ':first-home'))
  note('timezone', redis.call('HGET', prefix .. ':conversation:' .. conversation, 'timezone'))
end
return { id, redis.call('HGETALL', recordOf(prefix, id)) }
