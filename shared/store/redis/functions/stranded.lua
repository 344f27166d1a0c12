-- Finds a box with entries and no job to empty it. A job's name under the deduplication key counts
-- only while the job exists.
local function isStranded(prefix, queue, box, conversation)
  if redis.call('LLEN', prefix .. ':' .. box .. ':' .. conversation) == 0 then return false end
  local job = redis.call('GET', prefix .. ':' .. queue .. ':de:' .. conversation)
  return not job or redis.call('EXISTS', prefix .. ':' .. queue .. ':' .. job) == 0
end
