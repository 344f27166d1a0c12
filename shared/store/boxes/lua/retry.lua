-- `ids` is JSON.
-- keys: inbox, conversationKey
-- args: prefix, ids
-- uses: requeue
-- derives: message:*
return bringBack(prefix, inbox, conversationKey, ids)
