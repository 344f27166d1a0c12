-- The sums of all conversations of several days or months, each as a list of fields and values.
-- keys: first
-- rest: others
-- uses: spend
-- derives: spend:*
local all = {}
local function add(sums)
  local flat = {}
  for field, value in pairs(readTotal(sums)) do
    flat[#flat + 1] = field
    flat[#flat + 1] = string.format('%.0f', value)
  end
  all[#all + 1] = flat
end
add(first)
for _, sums in ipairs(others) do add(sums) end
return all
