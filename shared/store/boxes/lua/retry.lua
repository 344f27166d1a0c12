-- `ids` is JSON; `note` is the owner's for the first of them, or ''. Does nothing where the
-- conversation's home is not `home`: a turn in a queue of another home does nothing either.
-- keys: inbox, conversationKey
-- args: prefix, ids, note, conversation, home
-- uses: requeue, home
-- derives: message:*
local owned = homeSuffix(prefix, conversation)
if owned ~= home then return 'home ' .. owned end
return requeue(prefix, inbox, conversationKey, ids, note)
