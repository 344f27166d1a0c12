-- `ids` is JSON; `note` is the owner's for the first of them, or ''.
-- keys: inbox, conversationKey
-- args: prefix, ids, note
-- uses: requeue
-- derives: message:*
return bringBack(prefix, inbox, conversationKey, ids, note)
