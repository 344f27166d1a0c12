-- In `fields` each name is followed by its value.
-- keys: conversationKey
-- rest: fields
-- fence: required
if isFenced() then return 'fenced' end
for i = 1, #fields, 2 do
  redis.call('HSET', conversationKey, fields[i], fields[i + 1])
end
return 'written'
