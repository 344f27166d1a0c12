-- `among` lists the conversations to check, as JSON; '' means all of them. A delayed turn, which
-- may wait for hours, does not wake the VM before it is due. `home` is what the names of the home's
-- queues end in.
-- keys: conversations
-- args: prefix, among, nowMs, home
-- uses: box-counts
-- derives: inbox:*, turns:de:*, turns:delayed, turns@*
local waiting, messages = {}, 0
local function isPutOff(conversation)
  local turn = redis.call('GET', prefix .. ':turns' .. home .. ':de:' .. conversation)
  local due = turn and redis.call('ZSCORE', prefix .. ':turns' .. home .. ':delayed', turn)
  return due and math.floor(tonumber(due) / 0x1000) > tonumber(nowMs)
end
for _, conversation in ipairs(among == '' and redis.call('SMEMBERS', conversations) or cjson.decode(among)) do
  local inbox = prefix .. ':inbox:' .. conversation
  local length = redis.call('LLEN', inbox)
  if length == 0 then leave(inbox) elseif not isPutOff(conversation) then waiting[#waiting + 1] = conversation end
  messages = messages + length
end
return { waiting, messages }
