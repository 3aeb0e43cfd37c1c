/** What ENQUEUE is told by what comes before it: where its arguments begin, and whom to tell of the outcome. */
export const ENQUEUE_PLAIN = 'local first, done = 1, nil';

/**
 * ARGV: runs of tasks that differ only in id, body and key. A run is queue, name, number of tasks, priority, '1' when
 * the next is absolute, delay or time, most attempts, ms to keep it completed, dead, ms to hold its key ('' for no
 * keys), JSON of what only some tasks have or ''; then id, body (and key) of each. Returns place from 1, outcome and id
 * for each that was not simply added.
 *
 * Tasks that are there already with the same body are this same call, repeated after its answer was lost.
 */
export const ENQUEUE = `
local runs, at, total = {}, first, 0
while at <= #ARGV do
  local keyed = ARGV[at + 9] ~= ''
  local run = {
    queue = ARGV[at], name = ARGV[at + 1], count = tonumber(ARGV[at + 2]), priority = tonumber(ARGV[at + 3]),
    due = tonumber(ARGV[at + 5]), max = tonumber(ARGV[at + 6]), keepCompleted = tonumber(ARGV[at + 7]),
    keepDead = tonumber(ARGV[at + 8]), ttl = ARGV[at + 9], more = ARGV[at + 10], first = at + 11,
    stride = keyed and 3 or 2, ord = total,
  }
  run.due = math.ceil(ARGV[at + 4] == '1' and run.due or now + run.due)
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

local outcomes, o = {}, 0
local function outcome(ord, kind, id)
  outcomes[o + 1], outcomes[o + 2], outcomes[o + 3] = ord, kind, id
  o = o + 3
end

-- The short way: many tasks of one kind, without keys, groups and children.
local function addMany(run, seq)
  local q, name = run.queue, run.name
  local s = queueOf(q)
  local state = run.due <= now and READY or SCHEDULED
  -- As text: a number would be written out anew for each task.
  local score = string.format('%.0f', state == READY and -run.priority or run.due)
  local set = state == READY and P .. 'ready:' .. q or P .. 'sched:' .. q
  local head = struct.pack('>BBI4I4I2ddI4hdddd', state, 0, 0, 0, 0, 0, 0, run.max, run.priority, now, run.due,
    run.keepCompleted, run.keepDead)
  local tail = struct.pack('>I4ddss', 0, 0, 0, q, name) .. '\\0\\0'
  local tag = s.vtime
  local metas, bodies, members, ids, n, added = {}, {}, {}, {}, 0, 0
  local function write()
    if n == 0 then return end
    redis.call('HSET', META, unpack(metas, 1, n))
    redis.call('HSET', BODY, unpack(bodies, 1, n))
    redis.call('ZADD', set, unpack(members, 1, n))
    redis.call('ZADD', P .. 'ids:' .. q, unpack(ids, 1, n))
    n = 0
  end
  for i = 1, run.count do
    local id = ARGV[run.first + 2 * i - 2]
    if not known[id] then
      local place = struct.pack('>dd', tag, seq + i)
      metas[n + 1] = id
      metas[n + 2] = head .. place .. tail
      bodies[n + 1] = id
      bodies[n + 2] = ARGV[run.first + 2 * i - 1]
      members[n + 1] = score
      members[n + 2] = state == READY and place .. id or id
      ids[n + 1] = '0'
      ids[n + 2] = id
      n = n + 2
      added = added + 1
      event('task.added', q, id, name, '')
      if n >= CHUNK then write() end
    end
  end
  write()
  tally(q, 'added', added)
end

-- The long way, made only when it is needed.
local addOne
local function special()
if addOne then return end
model()
-- The two bodies as one array or one object, or false where they are not of one kind.
local function merged(a, b)
  local open = string.sub(a, 1, 1)
  if (open ~= '[' and open ~= '{') or string.sub(b, 1, 1) ~= open then return false end
  if #b == 2 then return a end
  if #a == 2 then return b end
  return string.sub(a, 1, -2) .. ',' .. string.sub(b, 2)
end
local function split(body)
  local at = string.find(body, '\\n', 1, true)
  return string.sub(body, 1, at), string.sub(body, at + 1)
end
-- Length as JavaScript counts it.
local function units(text)
  local _, chars = string.gsub(text, '[^\\128-\\191]', '')
  local _, long = string.gsub(text, '[\\240-\\247]', '')
  return chars + long
end

-- What an enqueue does to the task that holds its key.
local function overwrite(run, key, id, body)
  local t = task(id)
  if not key.mode or not t or t[EPOCH] > 0 or t[STATE] > BLOCKED then return 'duplicate' end
  if key.mode == 'merge' then
    local head, payload = split(redis.call('HGET', BODY, id))
    local _, added = split(body)
    local text = merged(payload, added)
    if not text or (key.max and units(text) > key.max) then return 'duplicate' end
    redis.call('HSET', BODY, id, head .. text)
    return 'merged'
  end
  redis.call('HSET', BODY, id, body)
  local state, blocked = t[STATE], t.more and t.more.blocked
  leave(id, t)
  t[STATE] = NEW
  t[NAME], t[PRIORITY], t[MAX], t[RUN] = run.name, run.priority, run.max, run.due
  t[KEEP_COMPLETED], t[KEEP_DEAD] = run.keepCompleted, run.keepDead
  if blocked == 'children' then
    move(id, t, BLOCKED, 'children')
    return 'replaced'
  end
  arrive(id, t)
  if t[RUN] > now then freeSlot(t) end
  return 'replaced'
end

-- Ids of this call that are another task, whose key they have.
local placed = {}
local function begin(id, t, flow)
  local seen, children = {}, {}
  for _, child in ipairs(flow.ids) do
    child = placed[child] or child
    if not seen[child] then
      seen[child] = true
      children[#children + 1] = child
    end
  end
  t.more.children = children
  t.more.policy = flow.policy
  wait(id, t)
  if flow.policy == 'ignore' or t[STATE] > LEASED then return end
  for _, child in ipairs(children) do
    local c = task(child)
    if c and c[STATE] > COMPLETED then return fail(id, t, child) end
  end
end

function addOne(run, seq, ord, id, body, key)
  local q, more = run.queue, run.more ~= '' and cjson.decode(run.more) or {}
  if key then
    local holder = holderOf(q, key)
    if holder then
      placed[id] = holder
      return outcome(ord, overwrite(run, more.key or {}, holder, body), holder)
    end
    keepKey(q, key, id, now + tonumber(run.ttl))
  end
  local t = {NEW, 0, 0, 0, 0, 0, 0, run.max, run.priority, now, run.due, run.keepCompleted, run.keepDead, '', 0, 0, 0,
    q, run.name, key and run.ttl .. ':' .. key or '', '', ''}
  if more.g or more.flow or (more.key and more.key.free) then
    t.more = {g = more.g, w = more.w, strict = more.strict, free = more.key and more.key.free}
  end
  tasks[id] = t
  dirty[id] = t
  redis.call('HSET', BODY, id, body)
  zput(P .. 'ids:' .. q, id, 0)
  join(t, seq, true)
  tally(q, 'added', 1)
  event('task.added', q, id, run.name, '')
  if more.flow then begin(id, t, more.flow) else arrive(id, t) end
end
end

local before = {}
for _, run in ipairs(runs) do
  local q = run.queue
  -- Workers that have found nothing sleep: the first of what is ready, or of what is due next, wakes them.
  if before[q] == nil then
    local due = redis.call('ZRANGE', P .. 'sched:' .. q, 0, 0, 'WITHSCORES')[2]
    before[q] = {redis.call('EXISTS', P .. 'ready:' .. q) == 1, tonumber(due)}
  end
  local seq = redis.call('HINCRBY', P .. 'q:' .. q, 'seq', run.count) - run.count
  if seq == 0 then redis.call('SADD', P .. 'queues', q) end
  if run.stride == 2 and run.more == '' then
    addMany(run, seq)
  else
    special()
    for i = 1, run.count do
      local index = run.first + (i - 1) * run.stride
      local id = ARGV[index]
      if not known[id] then
        addOne(run, seq + i, run.ord + i, id, ARGV[index + 1], run.stride == 3 and ARGV[index + 2] or nil)
      end
    end
  end
end
if done and runs[1] then
  local refused = 0
  for i = 2, o, 3 do refused = refused + 1 end
  done(runs[1].queue, runs[1].name, total - refused)
end
woken = {}
finishCall()
for q, was in pairs(before) do
  local due = tonumber(redis.call('ZRANGE', P .. 'sched:' .. q, 0, 0, 'WITHSCORES')[2])
  local earlier = due and (not was[2] or due < was[2])
  if earlier or (not was[1] and redis.call('EXISTS', P .. 'ready:' .. q) == 1) then wake(q) end
end
return outcomes
`;
