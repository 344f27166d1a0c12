-- Appends entries to the record of a turn, and tells those who watch it.
-- keys: call
-- args: prefix, turn, record, nowMs, lifetimeSeconds
-- fence: required
-- uses: idempotent, steps
if isFenced() then return 'fenced' end
return once(call, function() return addEntries(prefix, turn, cjson.decode(record), nowMs, lifetimeSeconds) end)
