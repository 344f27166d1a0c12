-- A non-empty store without an epoch was written by an earlier version, or restored from a copy of
-- its data.
-- keys: epoch, conversations, known
-- args: now
-- uses: epoch
return { epochOf(epoch, now, '0', redis.call('EXISTS', conversations, known) > 0) }
