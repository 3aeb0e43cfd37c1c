import { TAIL } from './head.js';

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
    if redis.call('EXISTS', P .. 'ready:' .. q, P .. 'fifo:' .. q) > 0 and (not first or at < first) then first = at end
  end
  return first
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

-- Writes all that was gathered.
local function saveAll()
  flush()
  for q, s in pairs(queues) do
    if s.fair then
      saveGroups(q, s)
      redis.call('HSET', P .. 'q:' .. q, 'vtime', string.format('%.17g', s.vtime))
    end
    if s.rate then redis.call('HSET', P .. 'q:' .. q, 'rate', cjson.encode(s.rate)) end
  end
end
`;

/** For the scripts that take no short way: to be done at the end of every call that changes something. */
export const FINISH_CALL: string = `
local function finishCall()
  saveAll()
${TAIL}
end
`;
