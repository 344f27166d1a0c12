-- What the homes do, in one command: of each, by its `suffix`, the last sign of life, since when its
-- computer wakes, what is known of its sleep, how long the last wakes took, how many messages wait,
-- and how many turns are waiting, active, delayed, failed and completed.
-- args: prefix
-- rest: suffixes
-- uses: box-counts
-- derives: heartbeat, heartbeat@*, waking, waking@*, vm, vm@*, wakes, wakes@*, conversations, conversations@*
-- derives: inbox:*, turns:*, turns@*
local states = {}
local function countMessages(suffix)
  local messages = 0
  for _, conversation in ipairs(redis.call('SMEMBERS', prefix .. ':conversations' .. suffix)) do
    local inbox = prefix .. ':inbox:' .. conversation
    local length = redis.call('LLEN', inbox)
    if length == 0 then leave(inbox) end
    messages = messages + length
  end
  return messages
end
for index, suffix in ipairs(suffixes) do
  local queue = prefix .. ':turns' .. suffix .. ':'
  local turns = { redis.call('LLEN', queue .. 'wait'), redis.call('LLEN', queue .. 'active') }
  for _, state in ipairs({ 'delayed', 'failed', 'completed' }) do turns[#turns + 1] = redis.call('ZCARD', queue .. state) end
  states[index] = {
    redis.call('GET', prefix .. ':heartbeat' .. suffix) or '', redis.call('GET', prefix .. ':waking' .. suffix) or '',
    redis.call('HGETALL', prefix .. ':vm' .. suffix), redis.call('LRANGE', prefix .. ':wakes' .. suffix, 0, -1),
    countMessages(suffix), turns,
  }
end
return states
