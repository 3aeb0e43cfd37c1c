/*
 * Keys. KEYS[1] is `<prefix>:{<prefix>:queue}`, and every other key begins with it: the hash tag keeps a whole store in
 * one slot of a Cluster, so that one script may touch queues, tasks and settings together.
 *
 *   :queues            set     names of the queues that have, or had, anything
 *   :q:<queue>         hash    seq (order of arrival), paused, reason, by, limits, rate, priorities (least, space, most),
 *                              vtime, fair, configured, gone, indexed, kept, keptgone
 *   :meta              hash    task id → a plain task (see below), or what the scripts need of it, packed (constants.ts)
 *   :top               string  the greatest id of 36 characters that ever was in :meta; absent where that is not known
 *   :leases            hash    id of a plain task that is leased → until, since, how long it is kept, worker, queue, name;
 *                              of one that completed and is kept → D, flags, since, when, worker
 *   :kept:<ms>:<queue> list    plain tasks that completed and are kept that long, those first that were the first: what
 *                              :leases says of them, and ids. `kept` of the queue counts them, `keptgone` those that are
 *                              there no more, or not as such
 *   :keeps:<queue>     set     the <ms>:<queue> of these lists
 *   :keptexpiry        zset    the same of all queues, score when the first of a list is dropped
 *   :body              hash    id of a task that is not plain → JSON of [name, headers], a line feed, the payload
 *   :log               hash    task id → its history, one line of JSON an entry
 *   :result, :progress hash    task id → JSON
 *   :fifo:<queue>      list    ids of plain tasks that are ready; `gone` of them are there no more, or not as such
 *   :ready:<queue>     zset    the other ready tasks: score −priority, member place .. id
 *   :sched:<queue>     zset    score when due
 *   :blocked:<queue>   zset    what waits for children or its group
 *   :lease:<queue>     zset    score when the lease ends
 *   :done:<s>:<queue>  zset    finished tasks of one state, all scores 0: in the order of ids
 *   :indexed           string  exists while long lists are asked for: how far their order was made, or `all`
 *   :ids:<queue>       zset    meanwhile every task of the queue, all scores 0: in the order of ids
 *   :expiry            zset    score when a finished task is dropped
 *   :keys:<queue>      hash    idempotency key → expiry (8 bytes) .. id of the task that holds it
 *   :keyexpiry         zset    score when the key is looked at again, member <bytes of queue>:<queue><key>
 *   :g:<queue>         hash    group → its state; :gready: and :gwait: its ready and blocked tasks, as in :ready:
 *   :reopen:<queue>    zset    groups whose rate has room again, score when
 *   :sch, :schdue      hash    schedules as JSON; zset, score when they run next
 *   :events, :evseq    stream  entries of events, numbered by their last; the number of the last event
 *   :min:<at>:<queue>  hash    one minute's counts; expires
 *   :last:<worker>:<n> string  token and claims of the worker's last exchange, n = 0 or 1 by turns; expires
 *   :parked:, :park:, :handed:, and channel :hand:, see hand-over.ts
 *   :wake:<queue>      channel
 *   :layout            string  the number of this layout, see server-check.ts
 *
 * Big hashes and sorted sets, not a key a task: each command then takes all the tasks of a call at once.
 *
 * A plain task is what most are: due at once, of priority 0, without key, group and children, and ready, leased for the
 * first time, or completed then and kept. All that is kept of it is one text that the client made but for its head, which
 * all tasks of one call share: `P`, JSON of [queue, name, most attempts, ms to keep it completed, dead, enqueued at, due, tag, arrival], a line
 * feed, JSON of [name, headers], a line feed; then its number in the call, a space, the payload. Whatever else befalls
 * it makes it a task like the others.
 */

/** The server's clock in milliseconds, as a Lua statement that sets `now`. */
export const SERVER_CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** What a call knows and gathers. Making a function costs time: those that only some calls need are made when they do. */
export const STATE = `
local P = KEYS[1] .. ':'
local META, LEASES, TOP = P .. 'meta', P .. 'leases', P .. 'top'
local min, max = math.min, math.max

-- Queues whose workers are to be woken, and queues in which a task ended.
local woken, ended = {}, {}
-- Events, six texts each: type, queue, subject, name, epoch, progress. A type that begins with + stands for as many
-- events as there are subjects, with spaces between them.
local events, eventTexts, eventCount = {}, 0, 0
-- Counts of this minute: queue → field → number.
local counts = {}
-- Settings and state of queues, read once a call.
local queues = {}
`;

/** What most scripts need. */
export const TOOLS = `
local function event(kind, queue, subject, name, epoch, progress, times)
  local at = eventTexts
  events[at + 1], events[at + 2], events[at + 3] = kind, queue, subject
  events[at + 4], events[at + 5], events[at + 6] = name, epoch, progress or ''
  eventTexts = at + 6
  eventCount = eventCount + (times or 1)
end

local function tally(q, field, n)
  local new = counts[q]
  if not new then
    new = {}
    counts[q] = new
  end
  new[field] = (new[field] or 0) + n
end

local function tallyMax(q, field, n)
  tally(q, field, 0)
  counts[q][field] = max(counts[q][field], n)
end

local function queueOf(q)
  local s = queues[q]
  if not s then
    local row = redis.call('HMGET', P .. 'q:' .. q, 'paused', 'limits', 'rate', 'vtime', 'fair', 'gone', 'indexed')
    s = {
      paused = row[1], limits = row[2] and cjson.decode(row[2]) or {}, rate = row[3] and cjson.decode(row[3]),
      vtime = tonumber(row[4] or 0), fair = row[5], gone = tonumber(row[6] or 0), indexed = row[7], groups = {},
      simple = not (row[2] or row[3] or row[5] or row[6]),
    }
    queues[q] = s
  end
  return s
end

local function many(command, key, list)
  local n = #list
  if n <= CHUNK then
    redis.call(command, key, unpack(list, 1, n))
    return
  end
  for from = 1, n, CHUNK do
    redis.call(command, key, unpack(list, from, min(n, from + CHUNK - 1)))
  end
end
`;

/**
 * Whether a text comes after another in the order of their bytes, which is that of sorted sets. Lua's own is that of the
 * server's locale: a Danish one has `aa` after `b`.
 */
export const IS_AFTER = `
local numberAt = struct.unpack
local function isAfter(a, b)
  local shorter = min(#a, #b)
  if shorter % 6 > 0 then a, b = a .. '\\0\\0\\0\\0\\0', b .. '\\0\\0\\0\\0\\0' end
  for at = 1, shorter, 6 do
    local x, y = numberAt('>I6', a, at), numberAt('>I6', b, at)
    if x ~= y then return x > y end
  end
  return #a > #b
end
`;

/** What most scripts begin with. */
export const HEAD: string = STATE + TOOLS;

/**
 * What all calls that change something end with. The user of a server may not be allowed to publish: then nobody is woken,
 * and workers find what there is when they look, but what was written stands.
 */
export const TAIL = `
for q in pairs(ended) do
  if redis.call('EXISTS', P .. 'fifo:' .. q, P .. 'ready:' .. q, P .. 'lease:' .. q, P .. 'sched:' .. q, P .. 'blocked:' .. q) == 0 then
    event('queue.drained', q, q, '', '')
  end
end
for q, new in pairs(counts) do
  local key = P .. 'min:' .. string.format('%d', now - now % 60000) .. ':' .. q
  local fields, n = {}, 0
  for field, count in pairs(new) do
    if count > 0 then
      n = n + 1
      fields[n] = field
    end
  end
  if n == 1 and fields[1] == 'added' then
    if redis.call('HINCRBY', key, 'added', new.added) == new.added then redis.call('PEXPIRE', key, 90000000) end
  elseif n > 0 then
    local old, row = redis.call('HMGET', key, unpack(fields)), {}
    for i = 1, n do
      local field, was = fields[i], tonumber(old[i] or 0)
      local count = (field == 'waitMaxMs' or field == 'runMaxMs') and max(was, new[field]) or was + new[field]
      row[2 * i - 1], row[2 * i] = field, string.format('%d', count)
    end
    if redis.call('HSET', key, unpack(row)) > 0 then redis.call('PEXPIRE', key, 90000000) end
  end
end
if eventCount > 0 then
  local last = redis.call('INCRBY', P .. 'evseq', eventCount)
  local id = string.format('%d-0', last)
  redis.call('XADD', P .. 'events', id, string.format('%d %d', now, eventCount), table.concat(events, '\\0'))
  -- Dropped some at a time.
  if last % 500 < eventCount then redis.call('XTRIM', P .. 'events', 'MINID', '~', max(0, last - 10000)) end
end
for q in pairs(woken) do
  if woken[q] ~= true or redis.call('EXISTS', P .. 'ready:' .. q, P .. 'fifo:' .. q) > 0 then
    redis.pcall('PUBLISH', P .. 'wake:' .. q, q)
  end
end
`;
