-- The keys of a file and its pieces are derived from its token. Files that expire by
-- `droppableExpiryMs` may be evicted.
-- keys: files, fileSizes, fileOwners, fetched
-- args: newToken, newSize, nowMs, expiryMs, capBytes, owner, droppableExpiryMs, filePrefix
-- args: pieceBytes
-- uses: person
-- derives: file:*
if redis.call('HEXISTS', fileSizes, newToken) == 1 then return 1 end
local sizes, owners, total, own = {}, {}, 0, 0
local function drop(token)
  local pieces = math.ceil((sizes[token] or 0) / tonumber(pieceBytes))
  for index = 0, pieces - 1 do redis.call('DEL', filePrefix .. token .. ':' .. index) end
  redis.call('DEL', filePrefix .. token)
  redis.call('ZREM', files, token)
  for _, hash in ipairs({ fileSizes, fileOwners, fetched }) do redis.call('HDEL', hash, token) end
end
local kept = redis.call('HGETALL', fileSizes)
-- No file is larger than all of them may be, whatever another program has written there.
for index = 1, #kept, 2 do
  sizes[kept[index]] = math.max(0, math.min(tonumber(capBytes), tonumber(kept[index + 1]) or 0))
end
for _, token in ipairs(redis.call('ZRANGEBYSCORE', files, '-inf', nowMs)) do
  drop(token)
  sizes[token] = nil
end
-- A share is a person's, whichever conversation of theirs a file is from.
local prefix, ids = string.match(filePrefix, '^{[^}]*}'), {}
local function shareOf(conversation)
  ids[conversation] = ids[conversation] or personOf(prefix, conversation) or conversation
  return ids[conversation]
end
local owned, ownShare = redis.call('HGETALL', fileOwners), shareOf(owner)
for index = 1, #owned, 2 do owners[owned[index]] = shareOf(owned[index + 1]) end
for token, size in pairs(sizes) do
  total = total + size
  if owners[token] == ownShare then own = own + size end
end
-- A person may hold two thirds of what the others leave, so there is always room for a person with
-- few files.
local function fits() return own + tonumber(newSize) <= (tonumber(capBytes) - (total - own)) * 2 / 3 end
local classes, doomed = { {}, {}, {} }, {}
if not fits() then
  for _, token in ipairs(redis.call('ZRANGEBYSCORE', files, '-inf', droppableExpiryMs)) do
    local isOwn, isFetched = owners[token] == ownShare, redis.call('HEXISTS', fetched, token) == 1
    local class = isFetched and (isOwn and 1 or 2) or (isOwn and 3)
    if class then table.insert(classes[class], token) end
  end
end
for class, tokens in ipairs(classes) do
  for _, token in ipairs(tokens) do
    if fits() then break end
    total = total - (sizes[token] or 0)
    if class ~= 2 then own = own - (sizes[token] or 0) end
    table.insert(doomed, token)
  end
end
if not fits() then return 0 end
for _, token in ipairs(doomed) do drop(token) end
redis.call('ZADD', files, expiryMs, newToken)
redis.call('HSET', fileSizes, newToken, newSize)
redis.call('HSET', fileOwners, newToken, owner)
return 1
