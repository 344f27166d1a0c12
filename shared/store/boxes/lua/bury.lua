-- keys: dead
-- args: lifetimeSeconds, now, origin, conversation, entry
-- uses: dead-letters
bury(dead, lifetimeSeconds, now, origin, conversation, entry)
return 1
