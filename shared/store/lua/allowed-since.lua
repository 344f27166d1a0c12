-- keys: allowed
-- args: address
-- uses: allowed
return allowedSince(allowed, address) and 1 or 0
