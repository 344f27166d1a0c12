-- The fields and values of the entries about work in the background of a home whose workers live no
-- more. An owner is WORKER_ID#boot; without the lease it is dead. A field begins with the
-- conversation.
-- uses: home
-- derives: lease:*
local function lostWork(prefix, background, own)
  local found, fields = {}, redis.call('HGETALL', background)
  for index = 1, #fields, 2 do
    local known, entry = pcall(cjson.decode, fields[index + 1])
    local owner = known and type(entry) == 'table' and tostring(entry.owner) or ''
    local worker, boot = string.match(owner, '^(.*)#(%d+)$')
    local isDead = not worker or redis.call('GET', prefix .. ':lease:' .. worker) ~= boot
    if isDead and homeSuffix(prefix, string.match(fields[index], '^%S*')) == own then
      found[#found + 1] = fields[index]
      found[#found + 1] = fields[index + 1]
    end
  end
  return found
end
