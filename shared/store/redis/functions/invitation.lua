-- An invitation is an entry of the list with `invited by OWNER until TIME`. The person's first
-- message uses it up for all of their addresses, which takes the time away; a message after that
-- time ends it. Returns false when the message is too late. Times are ISO 8601.
-- uses: person
local function invitationOf(words)
  if type(words) ~= 'string' then return end
  return string.match(words, '^(allowed since [^,]+, invited by %S+) until (%S+)$')
end
local function useInvitation(prefix, allowed, address, at)
  local accepted, expiry = invitationOf(redis.pcall('HGET', allowed, address))
  if not accepted then return true end
  local isLate = at > expiry
  local id = not isLate and personOf(prefix, address)
  for word in wordsOf(id and redis.call('HGET', recordOf(prefix, id), 'addresses')) do
    local other = string.match(word, '^%S+')
    local also = invitationOf(redis.call('HGET', allowed, other))
    if also then setAllowed(prefix, allowed, other, also) end
  end
  setAllowed(prefix, allowed, address, isLate and 'removed ' .. at .. ', as the invitation expired' or accepted)
  return not isLate
end
-- Entries by which the owner has decided in the chat, whatever the variable says.
local function isInvited(words) return string.match(words, '^allowed since [^,]+, invited by ') ~= nil end
local function isOut(words) return string.match(words, '^removed [^,]+, by %S+ in the chat$') ~= nil end
