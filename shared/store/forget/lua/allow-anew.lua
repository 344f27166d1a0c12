-- These addresses may write from `at` (ISO 8601) on, those of them that could before: the backfill
-- takes in nothing that is older.
-- keys: allowed
-- args: prefix, at
-- rest: addresses
-- uses: person
for _, address in ipairs(addresses) do
  local words = redis.call('HGET', allowed, address) or ''
  local since = string.match(words, '^allowed since ([^,]+)')
  if since and (since == 'the beginning' or since < at) then
    setAllowed(prefix, allowed, address, (string.gsub(words, '^allowed since [^,]+', 'allowed since ' .. at, 1)))
  end
end
return 1
