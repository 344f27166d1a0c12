-- keys: allowed
-- uses: allowed
local owner = redis.pcall('HGET', allowed, 'owner')
return type(owner) == 'string' and allowedSince(allowed, owner) and owner or ''
