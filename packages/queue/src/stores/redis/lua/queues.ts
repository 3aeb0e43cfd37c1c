/** Settings of queues, counts of this minute, and windows of rates. The rules are the memory store's, here and in what follows. */
export const QUEUES = `
-- Settings and state of a queue, read once a call.
local queues = {}
local function queueOf(q)
  local s = queues[q]
  if not s then
    local row = redis.call('HMGET', P .. 'q:' .. q, 'paused', 'limits', 'rate', 'vtime', 'fair')
    s = {
      paused = row[1], limits = row[2] and cjson.decode(row[2]) or {}, rate = row[3] and cjson.decode(row[3]),
      vtime = tonumber(row[4] or 0), fair = row[5], groups = {}, tallies = nil,
    }
    queues[q] = s
  end
  return s
end

-- Counts of this minute, added up at the end.
local function tally(q, field, n)
  local s = queueOf(q)
  local counts = s.tallies
  if not counts then
    counts = {}
    s.tallies = counts
  end
  counts[field] = (counts[field] or 0) + n
end
local function tallyMax(q, field, n)
  local s = queueOf(q)
  s.tallies = s.tallies or {}
  if n > (s.tallies[field] or 0) then s.tallies[field] = n end
end
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
