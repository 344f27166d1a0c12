-- In `fields` each name is followed by its value.
-- keys: conversationKey
-- rest: fields
-- fence: required
-- uses: person
if isFenced() then return 'fenced' end
for i = 1, #fields, 2 do
  redis.call('HSET', conversationKey, fields[i], fields[i + 1])
  if fields[i] == 'timezone' then
    local prefix, conversation = string.match(conversationKey, '^({[^}]*}):conversation:(.*)$')
    local id = personOf(prefix, conversation)
    if id then redis.call('HSET', recordOf(prefix, id), 'timezone', fields[i + 1]) end
  end
end
return 'written'
