-- Parses a stored message as far as scripts need it, and accepts any: cjson refuses half an emoji,
-- another version's format and hand edits, and a script that throws would stop its conversation
-- for good. Messages are written with their id first, then the conversation and the time, so that
-- these are found without decoding. A missing or non-text `id` or `at` is nil.
local function decode(raw)
  local ok, value = pcall(cjson.decode, raw)
  -- Half an emoji, as an earlier version stored it, reads as U+FFFD.
  if not ok then ok, value = pcall(cjson.decode, (string.gsub(raw, '\\u[dD][89a-fA-F]%x%x', '\\ufffd'))) end
  return ok and type(value) == 'table' and value or {}
end
local function textOf(value) return type(value) == 'string' and value or nil end
local function idOf(raw)
  return string.match(raw, '^{"id":"([%w%-]+)"') or textOf(decode(raw).id)
end
local function atOf(raw)
  return string.match(raw, '^{"id":"[%w%-]+","conversation":"[^"]+","at":"([%w%-:.]+)"') or textOf(decode(raw).at)
end
-- Whether a stored text is a whole number that Redis can count on with, of at most 15 digits: none
-- with a leading 0 or a sign before 0.
local function isWhole(text) return text == '0' or #text < 17 and string.match(text, '^%-?[1-9]%d*$') ~= nil end
