/*
 * Keys. KEYS[1] is `<prefix>:{<prefix>:queue}`, and every other key begins with it: the hash tag keeps a whole store in
 * one slot of a Cluster, so that one script may touch queues, tasks and settings together.
 *
 *   :queues            set     names of the queues that have, or had, anything
 *   :q:<queue>         hash    seq (order of arrival), paused, reason, by
 *   :meta              hash    task id → what the scripts need of it, packed (see FORMAT)
 *   :body              hash    task id → JSON of [name, headers], a line feed, the payload
 *   :log               hash    task id → its history, one line of JSON an entry
 *   :result            hash    task id → the result's JSON
 *   :ids:<queue>       zset    every task of the queue, all scores 0: in the order of ids
 *   :ready:<queue>     zset    score −priority, member place .. id: a claim is one ZPOPMIN
 *   :sched:<queue>     zset    score when due
 *   :lease:<queue>     zset    score when the lease ends
 *   :done:<s>:<queue>  zset    finished tasks of one state, all scores 0: in the order of ids
 *   :expiry            zset    score when a finished task is dropped
 *   :keys:<queue>      hash    idempotency key → expiry (8 bytes) .. id of the task that holds it
 *   :keyexpiry         zset    score when the key is looked at again, member <bytes of queue>:<queue><key>
 *   :last:<worker>     string  token and claims of the worker's last exchange; expires
 *   :wake:<queue>      channel
 *
 * Big hashes and sorted sets, not a key a task: each command then takes all the tasks of a call at once.
 */

/** The server's clock in milliseconds, as a Lua statement that sets `now`. */
export const SERVER_CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** What all scripts share: keys, the form of a task, and writes that are gathered and made at the end. */
export const PRELUDE = `
local P = KEYS[1] .. ':'
local META, BODY, LOG, RESULT, EXPIRY = P .. 'meta', P .. 'body', P .. 'log', P .. 'result', P .. 'expiry'

-- A task is an array; these are the places of its fields. What a claim changes comes first, and the holder last, so that
-- a claim can put a task together again without taking all of it apart (see EXCHANGE). PLACE: its tag and number of
-- arrival, two big-endian doubles, so that bytes sort as the numbers do. NOTES: lines of its history. UNTIL, STARTED,
-- FINISHED and EXPIRES are 0 for "none", texts ''.
local FORMAT = '>BBI4I4I2ddI4hddddc16I4ddss'
local STATE, FLAGS, EPOCH, ATTEMPTS, HOLDER_SIZE, UNTIL, STARTED, MAX, PRIORITY, ADDED, RUN, KEEP_COMPLETED, KEEP_DEAD,
  PLACE, NOTES, FINISHED, EXPIRES, QUEUE, KEY, HOLDER = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
local READY, SCHEDULED, BLOCKED, LEASED, COMPLETED, DEAD, CANCELLED = 1, 2, 3, 4, 5, 6, 7
-- Flags: what else there is of a task. One without any takes the short ways.
local HAS_RESULT, HAS_LOG = 1, 2

-- Lua takes about 8000 values in one call.
local CHUNK = 4000
local min = math.min

-- Tasks read so far, by id; false for one that does not exist.
local tasks = {}
local dirty, dropped = {}, {}
-- Sorted sets to be changed: key → member → score, or false to remove it.
local zsets = {}
-- Queues whose workers are to be woken.
local woken = {}

local function read(ids)
  local missing, n = {}, 0
  for i = 1, #ids do
    if tasks[ids[i]] == nil then
      n = n + 1
      missing[n] = ids[i]
      tasks[ids[i]] = false
    end
  end
  for from = 1, n, CHUNK do
    local to = min(n, from + CHUNK - 1)
    local rows = redis.call('HMGET', META, unpack(missing, from, to))
    for i = 1, to - from + 1 do
      local row = rows[i]
      if row then
        local t = {struct.unpack(FORMAT, row)}
        -- The last value is where the rest begins.
        t[HOLDER] = string.sub(row, t[HOLDER])
        tasks[missing[from + i - 1]] = t
      end
    end
  end
end

local function has(t, flag)
  return bit.band(t[FLAGS], flag) ~= 0
end

local function mark(t, flag)
  t[FLAGS] = bit.bor(t[FLAGS], flag)
end

local function zput(key, member, score)
  local set = zsets[key]
  if not set then
    set = {}
    zsets[key] = set
  end
  set[member] = score
end

local function many(command, key, list)
  for from = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, from, min(#list, from + CHUNK - 1)))
  end
end

-- Makes all gathered writes.
local function flush()
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
    metas[m + 1] = id
    t[HOLDER_SIZE] = #t[HOLDER]
    metas[m + 2] = struct.pack(FORMAT, unpack(t, 1, KEY)) .. t[HOLDER]
    m = m + 2
  end
  dirty = {}
  if m > 0 then many('HSET', META, metas) end
  if #dropped > 0 then
    many('HDEL', META, dropped)
    many('HDEL', BODY, dropped)
    dropped = {}
  end
end

-- Takes a task out of the set of its state.
local function leave(id, t)
  local state, q = t[STATE], t[QUEUE]
  if state == READY then zput(P .. 'ready:' .. q, t[PLACE] .. id, false)
  elseif state == SCHEDULED then zput(P .. 'sched:' .. q, id, false)
  elseif state == LEASED then zput(P .. 'lease:' .. q, id, false)
  else
    zput(P .. 'done:' .. state .. ':' .. q, id, false)
    zput(EXPIRY, id, false)
  end
end

-- Puts a task into a state and its set; RUN, UNTIL or EXPIRES must be right before.
local function enter(id, t, state)
  local q = t[QUEUE]
  t[STATE] = state
  dirty[id] = t
  if state == READY then
    zput(P .. 'ready:' .. q, t[PLACE] .. id, -t[PRIORITY])
    woken[q] = true
  elseif state == SCHEDULED then
    zput(P .. 'sched:' .. q, id, t[RUN])
  elseif state == LEASED then zput(P .. 'lease:' .. q, id, t[UNTIL])
  else
    zput(P .. 'done:' .. state .. ':' .. q, id, 0)
    zput(EXPIRY, id, t[EXPIRES])
  end
end

-- Forgets a task that is in no set of a state any more.
local function drop(id, t)
  dirty[id] = nil
  tasks[id] = false
  dropped[#dropped + 1] = id
  zput(P .. 'ids:' .. t[QUEUE], id, false)
  if has(t, HAS_LOG) then redis.call('HDEL', LOG, id) end
  if has(t, HAS_RESULT) then redis.call('HDEL', RESULT, id) end
end

-- Ends a task: keeps it for a while, or leaves no trace.
local function finish(id, t, state, keep)
  if keep <= 0 then return drop(id, t) end
  t[FINISHED] = now
  t[EXPIRES] = now + keep
  t[UNTIL] = 0
  enter(id, t, state)
end

-- Adds a line to a task's history.
local function note(id, t, line)
  if has(t, HAS_LOG) then line = (redis.call('HGET', LOG, id) or '') .. '\\n' .. line end
  redis.call('HSET', LOG, id, line)
  t[NOTES] = t[NOTES] + 1
  mark(t, HAS_LOG)
end

-- A line made here: \`more\` is the rest of the JSON object.
local function entry(kind, t, more)
  return string.format('{"kind":"%s","at":%.0f,"attempt":%d,"epoch":%d%s}', kind, now, t[ATTEMPTS], t[EPOCH], more)
end

local function wake(q)
  redis.call('PUBLISH', P .. 'wake:' .. q, q)
end

-- Wakes the workers of queues that got something ready, unless it is taken already.
local function wakeAll()
  for q in pairs(woken) do
    if redis.call('EXISTS', P .. 'ready:' .. q) == 1 then wake(q) end
  end
end
`;
