-- An invitation is an entry of the list with `invited by OWNER until TIME`. The person's first
-- message uses it up, which takes the time away; a message after that time ends it. Returns false
-- when the message is too late. Times are ISO 8601.
-- uses: person
local function invitationOf(words)
  if type(words) ~= 'string' then return end
  return string.match(words, '^(allowed since [^,]+, invited by %S+) until (%S+)$')
end
local function useInvitation(prefix, allowed, address, at)
  local accepted, expiry = invitationOf(redis.pcall('HGET', allowed, address))
  if not accepted then return true end
  local isLate = at > expiry
  setAllowed(prefix, allowed, address, isLate and 'removed ' .. at .. ', as the invitation expired' or accepted)
  return not isLate
end
-- Entries by which the owner has decided in the chat, whatever the variable says.
local function isInvited(words) return string.match(words, '^allowed since [^,]+, invited by ') ~= nil end
local function isOut(words) return string.match(words, '^removed [^,]+, by %S+ in the chat$') ~= nil end
