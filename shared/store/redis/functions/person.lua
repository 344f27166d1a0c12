-- A person's record is `person:ID`; `people` leads from each of their addresses to the id. In the
-- record `addresses` and `conversations` are lists with commas, so that a reader understands them.
-- derives: people, person:*
local function recordOf(prefix, id) return prefix .. ':person:' .. id end
local function personOf(prefix, address) return redis.call('HGET', prefix .. ':people', address) end
local function wordsOf(list) return string.gmatch(list or '', '([^,%s][^,]*)') end
local function append(record, field, word)
  local list = redis.call('HGET', record, field)
  for known in wordsOf(list) do
    if known == word then return end
  end
  redis.call('HSET', record, field, (list and list ~= '') and list .. ', ' .. word or word)
end
local function dropWord(record, field, word)
  local left = {}
  for known in wordsOf(redis.call('HGET', record, field)) do
    if known ~= word then left[#left + 1] = known end
  end
  redis.call('HSET', record, field, table.concat(left, ', '))
end
-- An address that names a conversation is listed as one, too.
local function addAddress(prefix, id, address, isConversation)
  local record = recordOf(prefix, id)
  append(record, 'addresses', address .. ' (WhatsApp)')
  if isConversation then append(record, 'conversations', address) end
  redis.call('HSET', prefix .. ':people', address, id)
end
-- Two ids are one person: the older record stays, with everything that the other one lists. Returns
-- its id.
local function joinPeople(prefix, one, other)
  if one == other then return one end
  local function since(id) return redis.call('HGET', recordOf(prefix, id), 'since') or '' end
  if since(other) .. other < since(one) .. one then one, other = other, one end
  local kept, gone = recordOf(prefix, one), recordOf(prefix, other)
  for word in wordsOf(redis.call('HGET', gone, 'addresses')) do
    addAddress(prefix, one, string.match(word, '^%S+'))
  end
  for _, field in ipairs({ 'conversations', 'former' }) do
    for word in wordsOf(redis.call('HGET', gone, field)) do append(kept, field, word) end
  end
  append(kept, 'former', other)
  for _, field in ipairs({ 'name', 'timezone', 'allowed', 'limit', 'home' }) do
    local words = redis.call('HGET', gone, field)
    if words then redis.call('HSETNX', kept, field, words) end
  end
  redis.call('DEL', gone)
  return one
end
-- An address is proven to be of a conversation's person. Two people with a number each stay two:
-- then the user id has moved from one number to the other. Without any record there is nothing to
-- join: the record begins with the person's first turn.
local function joinAddress(prefix, address, conversation)
  local id, other = personOf(prefix, conversation), personOf(prefix, address)
  local function hasNumber(who)
    return string.find(', ' .. (redis.call('HGET', recordOf(prefix, who), 'addresses') or ''), ', +', 1, true) ~= nil
  end
  local isMoved = id and other and id ~= other and hasNumber(id) and hasNumber(other)
  if isMoved then
    dropWord(recordOf(prefix, other), 'addresses', address .. ' (WhatsApp)')
    dropWord(recordOf(prefix, other), 'conversations', address)
  elseif id and other then
    id = joinPeople(prefix, id, other)
  elseif other then
    addAddress(prefix, other, conversation, true)
  end
  if id then addAddress(prefix, id, address) end
end
-- Notes whether an address may write, in words: in the list, and in the record of its person.
local function setAllowed(prefix, allowed, address, words)
  redis.call('HSET', allowed, address, words)
  local id = personOf(prefix, address)
  if id and not string.find(words, ', as ', 1, true) then redis.call('HSET', recordOf(prefix, id), 'allowed', words) end
end
-- The conversations of a conversation's person, and the person's limit of a day (millionths of a
-- dollar); only itself, and no limit, where there is no record.
local function purseOf(prefix, conversation)
  local id, list, limit = personOf(prefix, conversation), {}, nil
  if id then
    local record = recordOf(prefix, id)
    for word in wordsOf(redis.call('HGET', record, 'conversations')) do list[#list + 1] = word end
    limit = tonumber(string.match(redis.call('HGET', record, 'limit') or '', '^([%d.]+) dollars a day'))
  end
  if #list == 0 then list[1] = conversation end
  return list, limit and limit * 1000000
end
