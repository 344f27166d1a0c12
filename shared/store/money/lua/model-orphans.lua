-- The keys of leases and sums are built from the prefix and the names in a request's record.
-- keys: openRequests
-- args: prefix, ownWorker, ownBoot, nowMs, ageMs
-- uses: model-sums, entry
-- derives: lease:*, spend:*, spend-turn:*
local all, found = redis.call('HGETALL', openRequests), 0
for i = 1, #all, 2 do
  local note = decode(all[i + 1])
  local isRead = isNote(note)
  -- What no process can settle.
  if not isRead then redis.call('HDEL', openRequests, all[i]) end
  local worker, boot = string.match(isRead and note.owner or '', '^(.*)#(%d+)$')
  local gone = worker and worker == ownWorker and tonumber(boot) < tonumber(ownBoot)
  if worker and worker ~= ownWorker and note.at < tonumber(nowMs) - tonumber(ageMs) then
    gone = redis.call('GET', prefix .. ':lease:' .. worker) ~= boot
  end
  if gone then
    local spend = prefix .. ':spend:'
    local day, month = spend .. note.day, spend .. string.sub(note.day, 1, 7)
    local turn = prefix .. ':spend-turn:' .. note.turn
    add(note, 'unsettled', 1, day, month, turn)
    add(note, 'held', math.max(note.likely - (note.booked.usd or 0), 0), day, month, turn)
    redis.call('HDEL', openRequests, all[i])
    found = found + 1
  end
end
return found
