-- Counts how long a worker's VM has been awake since it was last noted. `fromMs` is that moment, or
-- '' at the start, which is `toMs` then; what a killed start has left open counts as not settled,
-- at most `mostOpenMs`. `goesOn` is '' at the end. `now` is ISO 8601.
-- keys: meterOpen
-- args: prefix, worker, home, fromMs, toMs, now, goesOn, mostOpenMs
-- uses: reply-counts
local value = redis.call('HGET', meterOpen, worker)
local knownHome, knownMs = string.match(value or '', '^(%S*) (%d+)$')
local function note() redis.call('HSET', meterOpen, worker, home .. ' ' .. toMs) end
if fromMs == '' then
  if knownMs and knownMs ~= toMs then
    local open = math.max(tonumber(toMs) - tonumber(knownMs), 0)
    meter(prefix, now, 'vm-open:' .. knownHome, string.format('%.0f', math.min(open, tonumber(mostOpenMs))))
  end
  note()
elseif knownMs == fromMs and knownHome == home then
  meter(prefix, now, 'vm:' .. home, string.format('%.0f', math.max(tonumber(toMs) - tonumber(fromMs), 0)))
  if goesOn == '' then redis.call('HDEL', meterOpen, worker) else note() end
end
return 1
