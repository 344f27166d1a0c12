-- Returns the conversations that need a turn, and those that need a delivery. An earlier version
-- kept all conversations in one set only.
-- keys: conversations
-- args: prefix
-- rest: candidates
-- uses: box-counts, lost-work, home
-- derives: inbox:*, outbox:*, turns:*, deliveries:*, turns@*, deliveries@*, parked:*, parking, conversation:*, given-up
local turns, deliveries = {}, {}
for _, conversation in ipairs(candidates) do
  local home = homeSuffix(prefix, conversation)
  if isStranded(prefix, 'turns' .. home, 'inbox', conversation) then turns[#turns + 1] = conversation end
  if isStranded(prefix, 'deliveries' .. home, 'outbox', conversation) then deliveries[#deliveries + 1] = conversation end
  leave(prefix .. ':inbox:' .. conversation)
end
return { turns, deliveries }
