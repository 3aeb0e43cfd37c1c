/** Tasks one by one: read, taken apart, and written at the end of the call, as are the changes to sorted sets. */
export const PRELUDE = `
local BODY, LOG, RESULT, PROGRESS, EXPIRY = P .. 'body', P .. 'log', P .. 'result', P .. 'progress', P .. 'expiry'
local STATE_NAMES = {'ready', 'scheduled', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'}

-- Tasks read so far, by id; false for one that does not exist.
local tasks = {}
local dirty, dropped, droppedPlain = {}, {}, {}
-- Sorted sets to be changed: key → member → score, or false to remove it.
local zsets = {}
-- Queue → how many of the tasks in its list are there no more.
local gone = {}

-- A plain task as an array like the others; \`listed\`: it is in the list of those ready.
local heads = {}
local function fromPlain(row, lease)
  local first = string.find(row, '\\n', 1, true)
  local second = string.find(row, '\\n', first + 1, true)
  local space = string.find(row, ' ', second + 1, true)
  local line = string.sub(row, 2, first - 1)
  local h = heads[line]
  if not h then
    h = cjson.decode(line)
    heads[line] = h
  end
  local place = struct.pack('>dd', h[8], h[9] + tonumber(string.sub(row, second + 1, space - 1)))
  local t = {READY, 0, 0, 0, 0, 0, 0, h[3], 0, h[6], h[7], h[4], h[5], place, 0, 0, 0, h[1], h[2], '', '', ''}
  t.plain = true
  t.body = string.sub(row, first + 1, second) .. string.sub(row, space + 1)
  if lease and string.byte(lease) == DONE then
    local _
    t[STATE], t[EPOCH], t[ATTEMPTS] = COMPLETED, 1, 1
    _, t[FLAGS], t[STARTED], t[FINISHED], t[HOLDER] = struct.unpack('>BBddI2c0', lease)
    t[EXPIRES] = t[FINISHED] + h[4]
    t.kept = true
  elseif lease then
    t[STATE], t[EPOCH], t[ATTEMPTS] = LEASED, 1, 1
    local _
    t[UNTIL], t[STARTED], _, t[HOLDER] = struct.unpack('>dddI2c0', lease)
  else
    t.listed = true
  end
  return t
end

local function read(ids)
  local missing, n = {}, 0
  for i = 1, #ids do
    if tasks[ids[i]] == nil then
      n = n + 1
      missing[n] = ids[i]
      tasks[ids[i]] = false
    end
  end
  local plain, rows, p = {}, {}, 0
  for from = 1, n, CHUNK do
    local to = min(n, from + CHUNK - 1)
    local found = redis.call('HMGET', META, unpack(missing, from, to))
    for i = 1, to - from + 1 do
      local row, id = found[i], missing[from + i - 1]
      if row and string.byte(row) == PLAIN then
        p = p + 1
        plain[p], rows[p] = id, row
      elseif row then
        local t = {struct.unpack(FORMAT, row)}
        -- The last value is where the rest begins.
        t[HOLDER] = string.sub(row, t[HOLDER])
        if t[MORE] ~= '' then t.more = cjson.decode(t[MORE]) end
        tasks[id] = t
      end
    end
  end
  for from = 1, p, CHUNK do
    local to = min(p, from + CHUNK - 1)
    local leases = redis.call('HMGET', LEASES, unpack(plain, from, to))
    for i = from, to do tasks[plain[i]] = fromPlain(rows[i], leases[i - from + 1]) end
  end
end

local function task(id)
  if tasks[id] == nil then read({id}) end
  return tasks[id]
end

-- JSON of name and headers, a line feed, the payload.
local function bodyOf(id, t)
  return t.body or redis.call('HGET', BODY, id) or ''
end

local function has(t, flag)
  return bit.band(t[FLAGS], flag) ~= 0
end

local function mark(t, flag)
  t[FLAGS] = bit.bor(t[FLAGS], flag)
end

local function clear(t, flag)
  t[FLAGS] = bit.band(t[FLAGS], bit.bnot(flag))
end

local function zput(key, member, score)
  local set = zsets[key]
  if not set then
    set = {}
    zsets[key] = set
  end
  set[member] = score
end

-- Keeps the order of ids up to date, while there is one.
local function keepOrder(q, id, score)
  if queueOf(q).indexed then zput(P .. 'ids:' .. q, id, score) end
end

-- What is in the list of a queue and is there no more is left out when it comes to be claimed.
local function unlist(t)
  t.listed = nil
  gone[t[QUEUE]] = (gone[t[QUEUE]] or 0) + 1
end
local function saveGone()
  for q, n in pairs(gone) do
    local s = queueOf(q)
    s.gone = redis.call('HINCRBY', P .. 'q:' .. q, 'gone', n)
    if redis.call('LLEN', P .. 'fifo:' .. q) <= s.gone then
      redis.call('UNLINK', P .. 'fifo:' .. q)
      s.gone = 0
    end
    -- Nothing is missing: the queue may take the short ways again.
    if s.gone == 0 then redis.call('HDEL', P .. 'q:' .. q, 'gone') end
  end
  gone = {}
end

-- What is among the kept tasks of a queue and is there no more is left out when they expire.
local keptGone = {}
local function unkeep(t)
  t.kept = nil
  keptGone[t[QUEUE]] = (keptGone[t[QUEUE]] or 0) + 1
end
local function saveKept()
  for q, n in pairs(keptGone) do
    local key, members = P .. 'q:' .. q, P .. 'keeps:' .. q
    local left = redis.call('HINCRBY', key, 'keptgone', n)
    if tonumber(redis.call('HGET', key, 'kept')) <= left then
      for _, member in ipairs(redis.call('SMEMBERS', members)) do
        redis.call('UNLINK', P .. 'kept:' .. member)
        redis.call('ZREM', P .. 'keptexpiry', member)
      end
      redis.call('UNLINK', members)
      redis.call('HDEL', key, 'kept', 'keptgone')
    end
  end
  keptGone = {}
end

-- Makes plain tasks that changed tasks like the others.
local function unplain()
  local bodies, leases, n = {}, {}, 0
  for id, t in pairs(dirty) do
    if t.plain then
      if t.listed then
        unlist(t)
        zput(P .. 'ready:' .. t[QUEUE], t[PLACE] .. id, -t[PRIORITY])
      elseif t.kept then
        unkeep(t)
        zput(P .. 'done:' .. t[STATE] .. ':' .. t[QUEUE], id, 0)
        zput(EXPIRY, id, t[EXPIRES])
      end
      n = n + 1
      leases[n] = id
      bodies[2 * n - 1], bodies[2 * n] = id, t.body
      t.plain, t.body = nil, nil
    end
  end
  if n == 0 then return end
  many('HSET', BODY, bodies)
  many('HDEL', LEASES, leases)
end

-- Makes all gathered writes.
local function flush()
  unplain()
  saveGone()
  saveKept()
  for key, set in pairs(zsets) do
    local add, rem, a, r = {}, {}, 0, 0
    for member, score in pairs(set) do
      if score then
        add[a + 1] = score
        add[a + 2] = member
        a = a + 2
      else
        r = r + 1
        rem[r] = member
      end
    end
    if r > 0 then many('ZREM', key, rem) end
    if a > 0 then many('ZADD', key, add) end
  end
  zsets = {}
  local metas, m = {}, 0
  for id, t in pairs(dirty) do
    if t.more then
      t[MORE] = cjson.encode(t.more)
      mark(t, HAS_MORE)
    end
    t[HOLDER_SIZE] = #t[HOLDER]
    metas[m + 1] = id
    metas[m + 2] = struct.pack(FORMAT, unpack(t, 1, MORE)) .. t[HOLDER]
    m = m + 2
  end
  dirty = {}
  if m > 0 then many('HSET', META, metas) end
  if #dropped > 0 then
    many('HDEL', META, dropped)
    many('HDEL', BODY, dropped)
    dropped = {}
  end
  if #droppedPlain > 0 then
    many('HDEL', META, droppedPlain)
    many('HDEL', LEASES, droppedPlain)
    droppedPlain = {}
  end
end
`;
