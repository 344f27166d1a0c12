-- Ends the record of a turn whose run ends, and returns the turn's sums.
-- keys: turnSums
-- args: prefix, turn, record, nowMs, lifetimeSeconds
-- fence: required
-- uses: steps
if isFenced() then return 'fenced' end
noteInRecord(prefix, turn, record, nowMs, lifetimeSeconds, true)
return redis.call('HGETALL', turnSums)
