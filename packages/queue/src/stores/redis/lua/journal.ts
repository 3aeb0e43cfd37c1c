/**
 * ARGV: number of the last event known ('' for none, 'latest' for what is to come), most entries. Returns the number of
 * the first event kept, that of the last, and entries after: their last number, when, how many, the texts.
 */
export const EVENTS = `
local key, last = P .. 'events', tonumber(redis.call('GET', P .. 'evseq') or 0)
local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
local kept = last + 1
local function head(item)
  local at, count = string.match(item[2][1], '^(%d+) (%d+)$')
  return tonumber(string.match(item[1], '^%d+')), tonumber(at), tonumber(count)
end
if first then
  local number, _, count = head(first)
  kept = number - count + 1
end
local entries = {}
if ARGV[1] ~= 'latest' then
  local from = ARGV[1] == '' and '-' or '(' .. ARGV[1] .. '-0'
  for _, item in ipairs(redis.call('XRANGE', key, from, '+', 'COUNT', tonumber(ARGV[2]))) do
    local number, at, count = head(item)
    entries[#entries + 1] = {number, at, count, item[2][2]}
  end
end
return {kept, last, entries}
`;

/** ARGV: queue, first and end in ms. Returns for each minute that saw something its begin, and names and counts. */
export const MINUTES = `
local found = {}
local from = max(math.ceil(tonumber(ARGV[2]) / 60000) * 60000, now - now % 60000 - 90000000)
for at = from, min(tonumber(ARGV[3]) - 1, now), 60000 do
  local row = redis.call('HGETALL', P .. 'min:' .. string.format('%d', at) .. ':' .. ARGV[1])
  if #row > 0 then found[#found + 1] = {at, row} end
end
return found
`;
