-- keys: pace
-- args: nowMs, intervalMs, burst
-- uses: send-rate
return reserve(pace, tonumber(nowMs), tonumber(intervalMs), tonumber(burst))
