/*
 * Keys. KEYS[1] is `<prefix>:{<prefix>:queue}`, and every other key begins with it: the hash tag keeps a whole store in
 * one slot of a Cluster, so that one script may touch queues, tasks and settings together.
 *
 *   :queues            set     names of the queues that have, or had, anything
 *   :q:<queue>         hash    seq (order of arrival), paused, reason, by, limits, rate, vtime, fair, configured
 *   :meta              hash    task id → what the scripts need of it, packed (see constants.ts)
 *   :body              hash    task id → JSON of [name, headers], a line feed, the payload
 *   :log               hash    task id → its history, one line of JSON an entry
 *   :result, :progress hash    task id → JSON
 *   :ids:<queue>       zset    every task of the queue, all scores 0: in the order of ids
 *   :ready:<queue>     zset    score −priority, member place .. id: a claim is one ZPOPMIN
 *   :sched:<queue>     zset    score when due
 *   :blocked:<queue>   zset    what waits for children or its group
 *   :lease:<queue>     zset    score when the lease ends
 *   :done:<s>:<queue>  zset    finished tasks of one state, all scores 0: in the order of ids
 *   :expiry            zset    score when a finished task is dropped
 *   :keys:<queue>      hash    idempotency key → expiry (8 bytes) .. id of the task that holds it
 *   :keyexpiry         zset    score when the key is looked at again, member <bytes of queue>:<queue><key>
 *   :g:<queue>         hash    group → its state; :gready: and :gwait: its ready and blocked tasks, as in :ready:
 *   :reopen:<queue>    zset    groups whose rate has room again, score when
 *   :sch, :schdue      hash    schedules as JSON; zset, score when they run next
 *   :events, :evseq    stream  entries of events, numbered by their last; the number of the last event
 *   :min:<at>:<queue>  string  one minute's counts, packed; expires
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
local META, BODY, LOG, RESULT, PROGRESS, EXPIRY =
  P .. 'meta', P .. 'body', P .. 'log', P .. 'result', P .. 'progress', P .. 'expiry'

local STATE_NAMES = {'ready', 'scheduled', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'}
local min, max = math.min, math.max

-- Tasks read so far, by id; false for one that does not exist.
local tasks = {}
local dirty, dropped = {}, {}
-- Sorted sets to be changed: key → member → score, or false to remove it.
local zsets = {}
-- Queues whose workers are to be woken, and queues in which a task ended.
local woken, ended = {}, {}
-- Events, six texts each: type, queue, subject, name, epoch, progress.
local events, eventCount = {}, 0

local function event(kind, queue, subject, name, epoch, progress)
  local at = 6 * eventCount
  events[at + 1], events[at + 2], events[at + 3] = kind, queue, subject
  events[at + 4], events[at + 5], events[at + 6] = name, epoch, progress or ''
  eventCount = eventCount + 1
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
  for from = 1, n, CHUNK do
    local to = min(n, from + CHUNK - 1)
    local rows = redis.call('HMGET', META, unpack(missing, from, to))
    for i = 1, to - from + 1 do
      local row = rows[i]
      if row then
        local t = {struct.unpack(FORMAT, row)}
        -- The last value is where the rest begins.
        t[HOLDER] = string.sub(row, t[HOLDER])
        if t[MORE] ~= '' then t.more = cjson.decode(t[MORE]) end
        tasks[missing[from + i - 1]] = t
      end
    end
  end
end

local function task(id)
  if tasks[id] == nil then read({id}) end
  return tasks[id]
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
end

local function wake(q)
  redis.call('PUBLISH', P .. 'wake:' .. q, q)
end
`;
