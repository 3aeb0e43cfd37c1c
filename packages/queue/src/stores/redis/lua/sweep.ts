/**
 * ARGV: most of each kind, a number from 0 to 1 that says with which queue to begin. Returns: lapsed, id and queue and
 * body of the tasks that died, pruned.
 */
export const SWEEP = `
local limit = tonumber(ARGV[1])
local queues = redis.call('SMEMBERS', P .. 'queues')
local lapsed, pruned, died = 0, 0, {}

-- The task of a lease that ran out is ready again; its holder is remembered, and may still settle.
local function lapse(id, t)
  local body = redis.call('HGET', BODY, id)
  note(id, t, entry('lapsed', t, ',"worker":' .. cjson.encode(t[HOLDER])))
  leave(id, t)
  t[UNTIL] = 0
  if t[ATTEMPTS] >= t[MAX] then
    finish(id, t, DEAD, t[KEEP_DEAD])
    died[#died + 1] = id
    died[#died + 1] = t[QUEUE]
    died[#died + 1] = body
  else
    enter(id, t, READY)
    lapsed = lapsed + 1
  end
end

local left = limit
local start = math.floor(tonumber(ARGV[2]) * #queues)
for i = 1, #queues do
  local q = queues[(start + i) % #queues + 1]
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
  if t and t[STATE] >= COMPLETED and t[EXPIRES] <= now then
    leave(id, t)
    drop(id, t)
    pruned = pruned + 1
  else
    zput(EXPIRY, id, false)
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

flush()
-- A queue that holds nothing and has no settings is forgotten.
for _, q in ipairs(queues) do
  if redis.call('EXISTS', P .. 'ids:' .. q) == 0 and not redis.call('HGET', P .. 'q:' .. q, 'configured') then
    redis.call('DEL', P .. 'q:' .. q)
    redis.call('SREM', P .. 'queues', q)
  end
end
wakeAll()
return {lapsed, died, pruned}
`;
