-- Inserts a known reply into an outbox. Urgent replies, such as answers to commands, go before the
-- others, but never before a reply that is being posted to Twilio; all others are ordered by when
-- they were created (`seq`; one that cannot be read comes first). `replies` is the prefix of the
-- reply keys, which are derived from the ids in the outbox.
-- uses: box-counts
-- derives: reply:*
local function insert(outbox, replies, id)
  local seq, urgent = unpack(redis.call('HMGET', replies .. id, 'seq', 'urgent'))
  local own = tonumber(seq or '0') or 0
  join(outbox)
  for _, other in ipairs(redis.call('LRANGE', outbox, 0, -1)) do
    local fields = redis.pcall('HMGET', replies .. other, 'seq', 'urgent', 'status')
    if fields.err then fields = {} end
    local otherSeq, otherUrgent, status = unpack(fields, 1, 3)
    local goesBehind = (tonumber(otherSeq or '0') or 0) > own
    if urgent and not otherUrgent then goesBehind = status ~= 'posting' end
    if otherUrgent and not urgent then goesBehind = false end
    if goesBehind then
      redis.call('LINSERT', outbox, 'BEFORE', other, id)
      return
    end
  end
  redis.call('RPUSH', outbox, id)
end
