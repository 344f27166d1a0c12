-- In front of every script. What another program, another version or a bad copy has left under a
-- key must not make a script throw: the step would be repeated for ever, and what depends on it
-- would stand still. A key of another type than a command takes is no data of any version: it is
-- moved to `unreadable:NAME`, where it stays for a week, and the command finds nothing. A count
-- that is no whole number begins anew. All other errors remain, such as that of a full memory.
-- derives: unreadable:*
local real, unreadableSeconds = redis, 7 * 24 * 3600
local function makeWay(message, command, key, field)
  if string.find(message, '^WRONGTYPE') then
    -- Both keys of the only command with two are sets.
    if command == 'SMOVE' and real.call('TYPE', key)['ok'] == 'set' then key = field end
    local tag, name = string.match(key, '^({[^}]*}):(.+)$')
    local aside = tag .. ':unreadable:' .. name
    real.call('RENAME', key, aside)
    real.call('EXPIRE', aside, unreadableSeconds)
  elseif command == 'HINCRBY' and (string.find(message, 'hash value is not an integer') or string.find(message, 'overflow')) then
    real.call('HDEL', key, field)
  elseif command == 'INCR' and (string.find(message, 'not an integer') or string.find(message, 'overflow')) then
    real.call('DEL', key)
  end
end
local redis = setmetatable({
  call = function(...)
    local reply = real.pcall(...)
    if type(reply) ~= 'table' or not reply.err then return reply end
    makeWay(reply.err, ...)
    return real.call(...)
  end,
}, { __index = real })
