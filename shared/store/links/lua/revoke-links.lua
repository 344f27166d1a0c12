-- Deletes links of a person: those with the ids in `idsJson`, or all of them if it is ''.
-- keys: links, call
-- args: prefix, person, idsJson
-- uses: idempotent, links
return once(call, function()
  return revokeLinks(prefix, person, idsJson ~= '' and cjson.decode(idsJson) or nil)
end)
