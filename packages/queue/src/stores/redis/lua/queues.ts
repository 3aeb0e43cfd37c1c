/** Counts of this minute, and windows of rates. The rules are the memory store's, here and in what follows. */
export const QUEUES = `
local function tallyRun(t, field)
  local ran = t[STARTED] > 0 and max(0, now - t[STARTED]) or 0
  tally(t[QUEUE], field, 1)
  tally(t[QUEUE], 'runMs', ran)
  tallyMax(t[QUEUE], 'runMaxMs', ran)
end

-- Windows of rates: {w = length, s = {{end of slice, claims}, ...}}.
local function used(rate)
  local total = 0
  while rate.s[1] and now - rate.s[1][1] >= rate.w do table.remove(rate.s, 1) end
  for _, slice in ipairs(rate.s) do total = total + slice[2] end
  return total
end
local function spend(rate, n)
  local length = math.ceil(rate.w / 20)
  local over = (math.floor(now / length) + 1) * length
  local last = rate.s[#rate.s]
  if last and last[1] == over then last[2] = last[2] + n else rate.s[#rate.s + 1] = {over, n} end
end
local function windowOf(rate, limit)
  if not limit then return nil end
  if rate and rate.w == limit.windowMs then return rate end
  return {w = limit.windowMs, s = {}}
end
`;
