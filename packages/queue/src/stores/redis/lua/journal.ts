/**
 * ARGV: number of the last event known ('' for none, 'latest' for what is to come), most entries. Returns the number of
 * the first event kept, that of the last, and entries after: their last number, when, how many, the texts.
 */
export const EVENTS = `
local key, last = P .. 'events', tonumber(redis.call('GET', P .. 'evseq') or 0)
local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
local kept = last + 1
if first then kept = tonumber(string.match(first[1], '^%d+')) - tonumber(first[2][4]) + 1 end
local entries = {}
if ARGV[1] ~= 'latest' then
  local from = ARGV[1] == '' and '-' or '(' .. ARGV[1] .. '-0'
  for _, item in ipairs(redis.call('XRANGE', key, from, '+', 'COUNT', tonumber(ARGV[2]))) do
    entries[#entries + 1] = {tonumber(string.match(item[1], '^%d+')), tonumber(item[2][2]), tonumber(item[2][4]), item[2][6]}
  end
end
return {kept, last, entries}
`;

/** ARGV: queue, first and end in ms. Returns for each minute that saw something its begin and its counts. */
export const MINUTES = `
local found = {}
local from = max(math.ceil(tonumber(ARGV[2]) / 60000) * 60000, now - now % 60000 - 90000000)
for at = from, min(tonumber(ARGV[3]) - 1, now), 60000 do
  local counts = redis.call('HGETALL', P .. 'min:' .. string.format('%.0f', at) .. ':' .. ARGV[1])
  if #counts > 0 then found[#found + 1] = {at, counts} end
end
return found
`;
