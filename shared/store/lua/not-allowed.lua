-- Those of the addresses that may not write.
-- keys: allowed
-- rest: addresses
-- uses: allowed
local out = {}
for _, address in ipairs(addresses) do
  if not allowedSince(allowed, address) then out[#out + 1] = address end
end
return out
