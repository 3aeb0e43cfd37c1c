/**
 * ARGV: runs of tasks that differ only in id, body and key. A run is queue, number of tasks, priority, '1' when the
 * next is absolute, delay or time, most attempts, ms to keep it completed, dead, ms to hold its key ('' for no keys);
 * then id, body (and key) of each. Returns the pairs (place from 1, id) of the tasks whose key another one holds.
 *
 * Tasks that are there already with the same body are this same call, repeated after its answer was lost.
 */
export const ENQUEUE = `
local KEY_EXPIRY = P .. 'keyexpiry'
local runs, at, total = {}, 1, 0
while at <= #ARGV do
  local keyed = ARGV[at + 8] ~= ''
  local run = {
    queue = ARGV[at], count = tonumber(ARGV[at + 1]), priority = tonumber(ARGV[at + 2]),
    due = tonumber(ARGV[at + 4]), max = tonumber(ARGV[at + 5]), keepCompleted = tonumber(ARGV[at + 6]),
    keepDead = tonumber(ARGV[at + 7]), ttl = tonumber(ARGV[at + 8]), first = at + 9, stride = keyed and 3 or 2,
    ord = total,
  }
  run.due = math.ceil(ARGV[at + 3] == '1' and run.due or now + run.due)
  at = run.first + run.count * run.stride
  total = total + run.count
  runs[#runs + 1] = run
end

-- First all that may fail: a script that stops half-way is not undone.
local known = {}
for _, run in ipairs(runs) do
  local ids, n = {}, 0
  for i = run.first, run.first + (run.count - 1) * run.stride, run.stride do
    n = n + 1
    ids[n] = ARGV[i]
  end
  for from = 1, n, CHUNK do
    local to = min(n, from + CHUNK - 1)
    local rows = redis.call('HMGET', META, unpack(ids, from, to))
    for i = 1, to - from + 1 do
      if rows[i] then
        local id = ids[from + i - 1]
        if redis.call('HGET', BODY, id) ~= ARGV[run.first + (from + i - 2) * run.stride + 1] then
          return redis.error_reply('TASK_CONFLICT ' .. id)
        end
        known[id] = true
      end
    end
  end
end

-- Whether the key is the task's now; the id of the task that holds it.
local function take(run, key, id)
  local keys = P .. 'keys:' .. run.queue
  local held = redis.call('HGET', keys, key)
  if held then
    local holder = string.sub(held, 9)
    if holder == id then return true, id end
    if struct.unpack('>d', held) > now then return false, holder end
    read({holder})
    local t = tasks[holder]
    if t and t[STATE] <= LEASED then return false, holder end
  end
  local expires = now + run.ttl
  redis.call('HSET', keys, key, struct.pack('>d', expires) .. id)
  zput(KEY_EXPIRY, #run.queue .. ':' .. run.queue .. key, expires)
  return true, id
end

local doubles = {}
for _, run in ipairs(runs) do
  local q = run.queue
  local state = run.due <= now and READY or SCHEDULED
  -- As text: a number would be written out anew for each task.
  local score = string.format('%.0f', state == READY and -run.priority or run.due)
  local set = state == READY and P .. 'ready:' .. q or P .. 'sched:' .. q
  local seq = redis.call('HINCRBY', P .. 'q:' .. q, 'seq', run.count) - run.count
  if seq == 0 then redis.call('SADD', P .. 'queues', q) end
  -- Workers that have found nothing sleep: the first of what is ready, or of what is due next, wakes them.
  local before = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  if not before or (state == SCHEDULED and run.due < tonumber(before)) then woken[q] = true end
  local head = struct.pack('>BBI4I4I2ddI4hdddd', state, 0, 0, 0, 0, 0, 0, run.max, run.priority, now, run.due,
    run.keepCompleted, run.keepDead)
  local tail = struct.pack('>I4dds', 0, 0, 0, q)
  local ends = tail .. '\\0'
  local metas, bodies, states, ids, n = {}, {}, {}, {}, 0
  local function write()
    if n == 0 then return end
    redis.call('HSET', META, unpack(metas, 1, n))
    redis.call('HSET', BODY, unpack(bodies, 1, n))
    redis.call('ZADD', set, unpack(states, 1, n))
    redis.call('ZADD', P .. 'ids:' .. q, unpack(ids, 1, n))
    n = 0
  end
  local stride, index = run.stride, run.first
  for i = 1, run.count do
    local id, key = ARGV[index], stride == 3 and ARGV[index + 2]
    local mine = not known[id]
    if key and mine then
      local holder
      mine, holder = take(run, key, id)
      if not mine then
        doubles[#doubles + 1] = run.ord + i
        doubles[#doubles + 1] = holder
      end
    end
    if mine then
      local place = struct.pack('>dd', 0, seq + i)
      metas[n + 1] = id
      metas[n + 2] = head .. place .. (key and tail .. key .. '\\0' or ends)
      bodies[n + 1] = id
      bodies[n + 2] = ARGV[index + 1]
      states[n + 1] = score
      states[n + 2] = state == READY and place .. id or id
      ids[n + 1] = '0'
      ids[n + 2] = id
      n = n + 2
      -- A later one of this batch may ask whether the holder of its key is live.
      if key then
        write()
        tasks[id] = nil
      elseif n >= CHUNK then
        write()
      end
    end
    index = index + stride
  end
  write()
end
flush()
for q in pairs(woken) do wake(q) end
return doubles
`;
