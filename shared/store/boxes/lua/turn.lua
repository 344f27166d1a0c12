-- The only writer of a turn's job besides BullMQ's own state changes, which check the lock as
-- well. Does the work of BullMQ's updateData, log and updateProgress.
-- A value of '' is not written: the job's data as JSON, the messages' state, a log line, the
-- current activity as JSON, the `record` for the turn's live page, which a run `begins` or goes on
-- with (''). In `counts` each message's id is followed by its attempts.
-- keys: job, attempts, log
-- args: prefix, turn, conversation, data, state, line, progress, nowMs, lifetimeSeconds
-- args: record, begins
-- rest: counts
-- fence: required
-- uses: thread, steps
if isFenced() then return 'fenced' end
if redis.call('EXISTS', job) == 1 then
  if data ~= '' then redis.call('HSET', job, 'data', data) end
  if progress ~= '' then redis.call('HSET', job, 'progress', progress) end
  -- A line begins with its time: the same once more is this call again, after a reply that was
  -- lost.
  if line ~= '' and redis.call('LINDEX', log, -1) ~= line then redis.call('RPUSH', log, line) end
end
for i = 1, #counts, 2 do
  local id, count = counts[i], counts[i + 1]
  if count == '0' then redis.call('HDEL', attempts, id) else redis.call('HSET', attempts, id, count) end
  local key = prefix .. ':message:' .. id
  if state ~= '' and redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'state', state)
    linkTurn(prefix, turn, conversation, id, nowMs, lifetimeSeconds)
  end
end
if record ~= '' then noteInRecord(prefix, turn, record, nowMs, lifetimeSeconds, begins ~= '') end
return 'written'
