-- The fields and values of the entries about work in the background whose workers live no more. An
-- owner is WORKER_ID#boot; without the lease it is dead.
-- derives: lease:*
local function lostWork(prefix, background)
  local found, fields = {}, redis.call('HGETALL', background)
  for index = 1, #fields, 2 do
    local known, entry = pcall(cjson.decode, fields[index + 1])
    local owner = known and type(entry) == 'table' and tostring(entry.owner) or ''
    local worker, boot = string.match(owner, '^(.*)#(%d+)$')
    if not worker or redis.call('GET', prefix .. ':lease:' .. worker) ~= boot then
      found[#found + 1] = fields[index]
      found[#found + 1] = fields[index + 1]
    end
  end
  return found
end
