-- The place, from 1, of the first of these keys that exists; 0 if none does.
-- rest: names
-- derives: turns:*, turns@*
for index, name in ipairs(names) do
  if redis.call('EXISTS', name) == 1 then return index end
end
return 0
