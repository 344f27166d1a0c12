-- Returns the conversations that need a turn, and those that need a delivery. An earlier version
-- kept all conversations in one set only.
-- keys: conversations
-- args: prefix
-- rest: candidates
-- uses: box-counts, stranded
-- derives: inbox:*, outbox:*, turns:*, deliveries:*, parked:*, parking, conversation:*, given-up
local turns, deliveries = {}, {}
for _, conversation in ipairs(candidates) do
  if isStranded(prefix, 'turns', 'inbox', conversation) then turns[#turns + 1] = conversation end
  if isStranded(prefix, 'deliveries', 'outbox', conversation) then deliveries[#deliveries + 1] = conversation end
  leave(prefix .. ':inbox:' .. conversation)
end
return { turns, deliveries }
