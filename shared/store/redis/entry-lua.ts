/**
 * Lua that reads a stored message as far as scripts need it, and refuses none: cjson takes neither
 * half an emoji nor what another version or a hand has written, and a script that throws would stop
 * its conversation for good. Messages are written with their id first, then the conversation and
 * the time, so that these are found without decoding. An `id` or `at` that is missing or no text is
 * nil.
 */
export const entryLua = `
  local function decode(raw)
    local ok, value = pcall(cjson.decode, raw)
    -- Half an emoji, as an earlier version stored it, reads as U+FFFD.
    if not ok then ok, value = pcall(cjson.decode, (string.gsub(raw, '\\\\u[dD][89a-fA-F]%x%x', '\\\\ufffd'))) end
    return ok and type(value) == 'table' and value or {}
  end
  local function textOf(value) return type(value) == 'string' and value or nil end
  local function idOf(raw)
    return string.match(raw, '^{"id":"([%w%-]+)"') or textOf(decode(raw).id)
  end
  local function atOf(raw)
    return string.match(raw, '^{"id":"[%w%-]+","conversation":"[^"]+","at":"([%w%-:.]+)"') or textOf(decode(raw).at)
  end`;
