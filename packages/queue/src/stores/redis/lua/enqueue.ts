import { CLAIM_PLAIN, CLAIMS } from './claims.js';
import { ENQUEUE_LONG } from './enqueue-long.js';
import { FINISH } from './finish.js';
import { GROUPS } from './groups.js';
import { HAND_OVER } from './hand-over.js';
import { HEAD, IS_AFTER, TAIL } from './head.js';
import { PRELUDE } from './prelude.js';
import { QUEUES } from './queues.js';
import { TASKS } from './tasks.js';

/**
 * What may fail, before anything is written: a script that stops half-way is not undone. Ids that are greater than all
 * there ever were need no look, and those of a producer are: it makes them in ascending order.
 */
const CHECK = `
${IS_AFTER}
local known = {}
local top = redis.call('GET', TOP)
if not top and redis.call('EXISTS', META) == 0 then top = '' end
local newTop = top
local function noteId(id)
  if #id == 36 and isAfter(id, newTop) then newTop = id end
end
local function same(id, row, body)
  if string.byte(row) ~= PLAIN then return redis.call('HGET', P .. 'body', id) == body end
  local line = string.find(row, '\\n', 1, true)
  local number = string.find(row, '\\n', line + 1, true) + 1
  return string.sub(row, line + 1, number - 1) .. string.sub(row, string.find(row, ' ', number, true) + 1) == body
end
for r = 1, #runs do
  local run = runs[r]
  if run.priority and run.priority ~= 0 then
    local range = redis.call('HGET', P .. 'q:' .. run.queue, 'priorities')
    local least, most = string.match(range or '', '^(%S+) (%S+)$')
    local nearest = least and max(tonumber(least), min(tonumber(most), run.priority)) or run.priority
    -- The run of a schedule is not refused.
    if nearest ~= run.priority and not done then
      return redis.error_reply('PRIORITY_RANGE ' .. run.priority .. ' ' .. range)
    end
    run.priority = nearest
  end
  local ids, n = run.ids or {}, run.count
  local isNew = run.joined and top and isAfter(ids[1], top)
  if not run.ids then
    for i = 1, n do ids[i] = ARGV[run.first + (i - 1) * run.stride] end
  end
  if top and run.joined then noteId(ids[n])
  elseif top then
    for i = 1, n do noteId(ids[i]) end
  end
  for from = 1, isNew and 0 or n, CHUNK do
    local to = min(n, from + CHUNK - 1)
    local rows = redis.call('HMGET', META, unpack(ids, from, to))
    for i = 1, to - from + 1 do
      if rows[i] then
        local id, body = ids[from + i - 1], nil
        if run.head then
          local text = run.texts[from + i - 1]
          body = run.names .. '\\n' .. string.sub(text, string.find(text, ' ', 1, true) + 1)
        else body = ARGV[run.first + (from + i - 2) * run.stride + 1] end
        if not same(id, rows[i], body) then return redis.error_reply('TASK_CONFLICT ' .. id) end
        known[id] = true
      end
    end
  end
end
`;

const ADD: string = `
local runs, at, total = {}, first, 0
while at <= #ARGV do
  local run = {queue = ARGV[at + 1], name = ARGV[at + 2], count = tonumber(ARGV[at + 3]), ord = total}
  local kind = ARGV[at]
  if kind == 'p' or kind == 'b' then
    local ids, texts, n = {}, {}, run.count
    run.head, run.names, run.ids, run.texts, run.stride = ARGV[at + 4], ARGV[at + 5], ids, texts, 0
    if kind == 'b' then
      local sub, find, joined, text, from = string.sub, string.find, ARGV[at + 6], ARGV[at + 7], 1
      for i = 1, n do
        ids[i] = sub(joined, 37 * i - 36, 37 * i - 1)
        local stop = find(text, '\\n', from, true) or #text + 1
        texts[i] = sub(text, from, stop - 1)
        from = stop + 1
      end
      run.joined, run.first = joined, at + 8
    else
      for i = 1, n do ids[i], texts[i] = ARGV[at + 4 + 2 * i], ARGV[at + 5 + 2 * i] end
      run.first = at + 6 + 2 * n
    end
  else
    run.priority, run.due, run.max = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
    run.keepCompleted, run.keepDead = tonumber(ARGV[at + 8]), tonumber(ARGV[at + 9])
    run.ttl, run.more, run.first, run.stride = ARGV[at + 10], ARGV[at + 11], at + 12, ARGV[at + 10] ~= '' and 3 or 2
    run.due = math.ceil(ARGV[at + 5] == '1' and run.due or now + run.due)
  end
  at = run.first + run.count * run.stride
  total = total + run.count
  runs[#runs + 1] = run
end
${CHECK}
if newTop ~= top then redis.call('SET', TOP, newTop) end
local outcomes, o = {}, 0
local function outcome(ord, kind, id)
  outcomes[o + 1], outcomes[o + 2], outcomes[o + 3] = ord, kind, id
  o = o + 3
end

-- Set to claim for a worker that is parked.
local worker, lease, limit, segments, given, joins

-- The long way, made only when it is needed.
local full
local function long()
if full then return full end
${[PRELUDE, QUEUES, GROUPS, TASKS, FINISH, CLAIM_PLAIN, CLAIMS, HAND_OVER, ENQUEUE_LONG].join('\n')}
end

-- Workers that have found nothing sleep: the first of what is ready, or of what is due next, wakes them.
local before, wake = {}, {}
local function isReady(q)
  return redis.call('EXISTS', P .. 'ready:' .. q, P .. 'fifo:' .. q) > 0
end
local function firstDue(q)
  return tonumber(redis.call('ZRANGE', P .. 'sched:' .. q, 0, 0, 'WITHSCORES')[2])
end

local function addPlain(run, seq)
  local q, ids, texts, n = run.queue, run.ids, run.texts, run.count
  local joined = run.joined
  local settings = redis.call('HMGET', P .. 'q:' .. q, 'vtime', 'indexed')
  local head = 'P' .. run.head .. string.format(',%d,%d,%s,%d]\\n', now, math.ceil(now), settings[1] or '0', seq)
    .. run.names .. '\\n'
  local rows = {}
  if next(known) then
    local fresh = {}
    n = 0
    for i = 1, run.count do
      if not known[ids[i]] then
        n = n + 1
        fresh[n] = ids[i]
        rows[2 * n - 1], rows[2 * n] = ids[i], head .. texts[i]
      end
    end
    if n == 0 then return end
    ids, joined = fresh, nil
  else
    for i = 1, n do
      rows[2 * i - 1], rows[2 * i] = ids[i], head .. texts[i]
    end
  end
  many('HSET', META, rows)
  local list, size = P .. 'fifo:' .. q, 0
  for from = 1, n, CHUNK do size = redis.call('RPUSH', list, unpack(ids, from, min(n, from + CHUNK - 1))) end
  if size == n and redis.call('EXISTS', P .. 'ready:' .. q) == 0 then wake[q] = 'new' end
  if settings[2] then
    for i = 1, n do redis.call('ZADD', P .. 'ids:' .. q, 0, ids[i]) end
  end
  event('+task.added', q, joined or table.concat(ids, ' '), run.name, '', '', n)
  tally(q, 'added', n)
end

for r = 1, #runs do
  local run = runs[r]
  local q = run.queue
  local seq = redis.call('HINCRBY', P .. 'q:' .. q, 'seq', run.count) - run.count
  if seq == 0 then
    redis.call('SADD', P .. 'queues', q)
    if redis.call('EXISTS', P .. 'indexed') == 1 then redis.call('HSET', P .. 'q:' .. q, 'indexed', '1') end
  end
  if run.head then
    addPlain(run, seq)
  else
    if not before[q] then before[q] = {isReady(q), firstDue(q)} end
    long().add(run, seq)
  end
end
if done and runs[1] then done(runs[1].queue, runs[1].name, total - o / 3) end
if full then full.save() end
for q, was in pairs(before) do
  local due = firstDue(q)
  local earlier = due and (not was[2] or due < was[2])
  if earlier then wake[q] = 'due'
  elseif not was[1] and isReady(q) then wake[q] = 'new' end
end
for q in pairs(wake) do
  if redis.call('EXISTS', P .. 'parked:' .. q) == 1 then
    long().handOver(q)
    if wake[q] == 'new' and not isReady(q) then wake[q] = nil end
  end
end
if full then full.save() end
woken = wake
${TAIL}
return outcomes
`;

/**
 * ARGV: runs of tasks. A run of plain tasks is 'p', queue, name, number of tasks, JSON of [queue, name, most attempts,
 * ms to keep one completed, dead but for its last bracket, JSON of [name, headers]; then id and number, space, payload
 * of each; 'b' in its place: the ids, UUIDs in ascending order, in one text, a space between two, and the rest in another, a
 * line feed between two. A run of others that differ only in id, body and key is 's', queue, name, number of tasks, priority, '1' when
 * the next is absolute, delay or time, most attempts, ms to keep it completed, dead, ms to hold its key ('' for no
 * keys), JSON of what only some tasks have or ''; then id, body (and key) of each. Returns place from 1, outcome and id
 * for each that was not simply added.
 *
 * Before it may stand what sets `first`, where the arguments begin, and `done`, which is told queue, name and number
 * of what was added.
 *
 * Tasks that are there already with the same body are this same call, repeated after its answer was lost.
 */
export const enqueueScript = (before: string): string => HEAD + before + ADD;

/** Nothing before it. */
export const ENQUEUE: string = enqueueScript('local first, done = 1, nil\n');
