/**
 * ARGV: most of each kind, a number from 0 to 1 that says with which queue to begin. Returns: lapsed, id and queue and
 * name of the tasks that died, pruned.
 */
export const SWEEP = `
model()
local limit = tonumber(ARGV[1])
local names = redis.call('SMEMBERS', P .. 'queues')
local lapsed, pruned, died = 0, 0, {}

-- The task of a lease that ran out is ready again; its holder is remembered, and may still settle.
local function lapse(id, t)
  note(id, t, entry('lapsed', t, ',"worker":' .. cjson.encode(t[HOLDER])))
  event('task.lapsed', t[QUEUE], id, t[NAME], t[EPOCH])
  t[UNTIL] = 0
  if has(t, CANCEL) then return finish(id, t, CANCELLED) end
  if t[ATTEMPTS] >= t[MAX] then
    died[#died + 1] = id
    died[#died + 1] = t[QUEUE]
    died[#died + 1] = t[NAME]
    tallyRun(t, 'dead')
    finish(id, t, DEAD)
  else
    tallyRun(t, 'failed')
    arrive(id, t)
    lapsed = lapsed + 1
  end
end

local left = limit
local start = math.floor(tonumber(ARGV[2]) * #names)
for i = 1, #names do
  local q = names[(start + i) % #names + 1]
  if left > 0 then
    local key = P .. 'lease:' .. q
    local late = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, left)
    if #late > 0 then
      read(late)
      for _, id in ipairs(late) do
        if tasks[id] then lapse(id, tasks[id]) else zput(key, id, false) end
      end
      left = left - #late
    end
  end
end

local old = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', now, 'LIMIT', 0, limit)
read(old)
for _, id in ipairs(old) do
  local t = tasks[id]
  if not t or t[STATE] < COMPLETED or t[EXPIRES] > now then
    zput(EXPIRY, id, t and t[STATE] >= COMPLETED and t[EXPIRES] or false)
  elseif hasLiveParent(t) then
    zput(EXPIRY, id, now + 60000) -- its parent may still want to read it
  else
    drop(id, t)
    pruned = pruned + 1
  end
end

-- Plain tasks that completed, those first that were the first: all of one list are kept for as long. One that is not as
-- its entry says is there no more, or is another by now.
local kept = limit - #old
for _, member in ipairs(redis.call('ZRANGEBYSCORE', P .. 'keptexpiry', '-inf', now, 'LIMIT', 0, limit)) do
  local keep, q = string.match(member, '^(%d+):(.*)$')
  local list = P .. 'kept:' .. member
  local entry, expires = redis.call('LINDEX', list, 0), nil
  while entry do
    local _, flags, _, finished, _, at = struct.unpack('>BBddI2c0', entry)
    expires = finished + tonumber(keep)
    if expires > now or kept <= 0 then break end
    local text, ids, over, taken = string.sub(entry, 1, at - 1), {}, #entry + 1, 0
    for id, after in string.gmatch(string.sub(entry, at), '([^ ]+) ?()') do
      taken = taken + 1
      ids[taken] = id
      if taken == kept then
        over = at - 1 + after
        break
      end
    end
    if over > #entry then redis.call('LPOP', list) else redis.call('LSET', list, 0, text .. string.sub(entry, over)) end
    local found, gone = {}, 0
    for from = 1, taken, CHUNK do
      for _, lease in ipairs(redis.call('HMGET', LEASES, unpack(ids, from, min(taken, from + CHUNK - 1)))) do
        found[#found + 1] = lease
      end
    end
    local here = {}
    for i = 1, taken do
      if found[i] == text then here[#here + 1] = ids[i] else gone = gone + 1 end
    end
    if #here > 0 then
      many('HDEL', META, here)
      many('HDEL', LEASES, here)
      if flags ~= 0 then many('HDEL', RESULT, here) end
      if queueOf(q).indexed then many('ZREM', P .. 'ids:' .. q, here) end
    end
    redis.call('HINCRBY', P .. 'q:' .. q, 'kept', -taken)
    if gone > 0 then redis.call('HINCRBY', P .. 'q:' .. q, 'keptgone', -gone) end
    kept = kept - taken
    pruned = pruned + #here
    entry = redis.call('LINDEX', list, 0)
  end
  if entry then redis.call('ZADD', P .. 'keptexpiry', string.format('%.0f', expires), member)
  else
    redis.call('ZREM', P .. 'keptexpiry', member)
    redis.call('SREM', P .. 'keeps:' .. q, member)
  end
end

-- Keys whose time is over, unless their task is live: those are looked at again later.
local expiry = P .. 'keyexpiry'
for _, member in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, limit)) do
  local size, rest = string.match(member, '^(%d+):(.*)$')
  local q, key = string.sub(rest, 1, size), string.sub(rest, size + 1)
  local keys = P .. 'keys:' .. q
  local held = redis.call('HGET', keys, key)
  if not held then
    zput(expiry, member, false)
  else
    local expires, id = struct.unpack('>d', held), string.sub(held, 9)
    read({id})
    if expires > now then
      zput(expiry, member, expires)
    elseif tasks[id] and tasks[id][STATE] <= LEASED then
      zput(expiry, member, now + 60000)
    else
      redis.call('HDEL', keys, key)
      zput(expiry, member, false)
      pruned = pruned + 1
    end
  end
end

-- Groups of which nothing is left but claims that counted for their rate.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', P .. 'gidle', '-inf', now, 'LIMIT', 0, limit)) do
  local size, rest = string.match(member, '^(%d+):(.*)$')
  redis.call('ZREM', P .. 'gidle', member)
  groupOf(string.sub(rest, 1, size), string.sub(rest, size + 1))
end

finishCall()
if redis.call('EXISTS', META) == 0 then redis.call('DEL', TOP) end
local unused = redis.call('EXISTS', P .. 'indexed') == 0
-- A queue that holds nothing and has no settings is forgotten.
for _, q in ipairs(names) do
  if unused and redis.call('HDEL', P .. 'q:' .. q, 'indexed') == 1 then redis.call('UNLINK', P .. 'ids:' .. q) end
  if redis.call('EXISTS', P .. 'fifo:' .. q, P .. 'ready:' .. q, P .. 'sched:' .. q, P .. 'blocked:' .. q,
    P .. 'lease:' .. q, P .. 'done:5:' .. q, P .. 'done:6:' .. q, P .. 'done:7:' .. q, P .. 'g:' .. q,
    P .. 'keeps:' .. q) == 0
    and not redis.call('HGET', P .. 'q:' .. q, 'configured') then
    redis.call('UNLINK', P .. 'q:' .. q, P .. 'ids:' .. q)
    redis.call('SREM', P .. 'queues', q)
  end
end
return {lapsed, died, pruned}
`;
