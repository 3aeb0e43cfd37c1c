/** Tasks that are more than plain. Returns what adds a run of them, and what is to be done in the end. */
export const ENQUEUE_LONG = `
-- Many tasks of one kind, without keys, groups and children, that wait or have a priority.
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
      keepOrder(q, id, 0)
      n = n + 2
      added = added + 1
      ids[added] = id
      if n >= CHUNK then write() end
    end
  end
  write()
  event('+task.added', q, table.concat(ids, ' '), name, '', '', added)
  tally(q, 'added', added)
end

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
    local head, payload = split(bodyOf(id, t))
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

local function addOne(run, seq, ord, id, body, key)
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
  local frees = more.key or {}
  if more.g or more.flow or frees.free or frees.start then
    t.more = {g = more.g, w = more.w, strict = more.strict, free = frees.free, start = frees.start}
  end
  tasks[id] = t
  dirty[id] = t
  redis.call('HSET', BODY, id, body)
  keepOrder(q, id, 0)
  join(t, seq, true)
  tally(q, 'added', 1)
  event('task.added', q, id, run.name, '')
  if more.flow then begin(id, t, more.flow) else arrive(id, t) end
end

local function addRun(run, seq)
  if run.stride == 2 and run.more == '' then return addMany(run, seq) end
  model()
  for i = 1, run.count do
    local at = run.first + (i - 1) * run.stride
    local id = ARGV[at]
    if not known[id] then
      addOne(run, seq + i, run.ord + i, id, ARGV[at + 1], run.stride == 3 and ARGV[at + 2] or nil)
    end
  end
end
full = {add = addRun, save = saveAll, handOver = handOver}
return full
`;
