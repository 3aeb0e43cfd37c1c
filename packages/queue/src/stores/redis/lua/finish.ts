/** What time brings, and what is to be done at the end of a call. */
export const FINISH = `
-- Makes what is due ready, and looks again at groups whose rate has room.
local function promote(q)
  model()
  local sched = P .. 'sched:' .. q
  local due = redis.call('ZRANGEBYSCORE', sched, '-inf', now, 'LIMIT', 0, 1000)
  if #due > 0 then
    read(due)
    for _, id in ipairs(due) do
      if tasks[id] then arrive(id, tasks[id]) else zput(sched, id, false) end
    end
    flush()
  end
  if not queueOf(q).fair then return end
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', P .. 'reopen:' .. q, '-inf', now)) do
    redis.call('ZREM', P .. 'reopen:' .. q, key)
    admit(q, key)
  end
  flush()
end

-- The next by time alone.
local function dueNext(q)
  local first = tonumber(redis.call('ZRANGE', P .. 'sched:' .. q, 0, 0, 'WITHSCORES')[2])
  local s = queueOf(q)
  if s.fair then
    local at = tonumber(redis.call('ZRANGE', P .. 'reopen:' .. q, 0, 0, 'WITHSCORES')[2])
    if at and (not first or at < first) then first = at end
  end
  if s.rate and s.limits.rate and used(s.rate) >= s.limits.rate.max and s.rate.s[1] then
    local at = s.rate.s[1][1] + s.rate.w
    if redis.call('EXISTS', P .. 'ready:' .. q) == 1 and (not first or at < first) then first = at end
  end
  return first
end

-- A minute's counts are one text, so that they take two commands whatever there is to count.
local FIELDS = {'added', 'started', 'completed', 'failed', 'dead', 'waitMs', 'runMs', 'waitMaxMs', 'runMaxMs'}
local function saveTallies(q, s)
  local key = P .. 'min:' .. string.format('%.0f', now - now % 60000) .. ':' .. q
  local row = redis.call('GET', key)
  local counts = row and {struct.unpack('>ddddddddd', row)} or {0, 0, 0, 0, 0, 0, 0, 0, 0}
  local new = s.tallies
  for i = 1, 7 do counts[i] = counts[i] + (new[FIELDS[i]] or 0) end
  for i = 8, 9 do counts[i] = max(counts[i], new[FIELDS[i]] or 0) end
  redis.call('SET', key, struct.pack('>ddddddddd', unpack(counts, 1, 9)), 'PX', 90000000)
end

-- Keeps the state of groups; one of which nothing is left is forgotten.
local function saveGroups(q, s)
  for key, g in pairs(s.groups) do
    if g then
      local spent = g.rate and used(g.rate) or 0
      if g.live == 0 and g.held == 0 and spent == 0 then
        redis.call('HDEL', P .. 'g:' .. q, key)
      else
        local last = g.last
        g.last = string.format('%.17g', last)
        redis.call('HSET', P .. 'g:' .. q, key, cjson.encode(g))
        g.last = last
        if g.live == 0 and g.held == 0 then
          redis.call('ZADD', P .. 'gidle', g.rate.s[#g.rate.s][1] + g.rate.w, #q .. ':' .. q .. key)
        end
      end
    end
  end
end

-- To be done at the end of every call that changes something.
local function finishCall()
  flush()
  for q in pairs(ended) do
    if redis.call('EXISTS', P .. 'ready:' .. q, P .. 'sched:' .. q, P .. 'blocked:' .. q, P .. 'lease:' .. q) == 0 then
      event('queue.drained', q, q, '', '')
    end
  end
  for q, s in pairs(queues) do
    if s.tallies then saveTallies(q, s) end
    if s.fair then
      saveGroups(q, s)
      redis.call('HSET', P .. 'q:' .. q, 'vtime', string.format('%.17g', s.vtime))
    end
    if s.rate then redis.call('HSET', P .. 'q:' .. q, 'rate', cjson.encode(s.rate)) end
  end
  if eventCount > 0 then
    local last = redis.call('INCRBY', P .. 'evseq', eventCount)
    local id = string.format('%.0f-0', last)
    redis.call('XADD', P .. 'events', id, string.format('%.0f %d', now, eventCount), table.concat(events, '\\0'))
    -- Dropped some at a time.
    if last % 500 < eventCount then redis.call('XTRIM', P .. 'events', 'MINID', '~', max(0, last - 10000)) end
  end
  for q in pairs(woken) do
    if redis.call('EXISTS', P .. 'ready:' .. q) == 1 then wake(q) end
  end
end
`;
