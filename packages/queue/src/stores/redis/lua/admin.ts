import { FITS, LOOK } from './find.js';

/**
 * ARGV: queues, or none for all. Returns now, and for each queue: name, paused, reason, by, whether it has settings, its
 * limits as JSON, counts by state, since when the oldest of the next to be claimed is due, and its priorities.
 */
export const STATS: string = `
local names = #ARGV > 0 and ARGV or redis.call('SMEMBERS', P .. 'queues')
local all = {}
for _, q in ipairs(names) do
  local set = redis.call('HMGET', P .. 'q:' .. q, 'paused', 'reason', 'by', 'configured', 'limits', 'priorities')
  local stats = {q, set[1], set[2], set[3], set[4], set[5]}
  local ready = P .. 'ready:' .. q
  local list, gone = P .. 'fifo:' .. q, tonumber(redis.call('HGET', P .. 'q:' .. q, 'gone') or 0)
  stats[7] = redis.call('ZCARD', ready) + redis.call('LLEN', list) - gone
  stats[8] = redis.call('ZCARD', P .. 'sched:' .. q)
  stats[9] = redis.call('ZCARD', P .. 'blocked:' .. q)
  stats[10] = redis.call('ZCARD', P .. 'lease:' .. q)
  for state = COMPLETED, CANCELLED do stats[6 + state] = redis.call('ZCARD', P .. 'done:' .. state .. ':' .. q) end
  local kept = redis.call('HMGET', P .. 'q:' .. q, 'kept', 'keptgone')
  stats[6 + COMPLETED] = stats[6 + COMPLETED] + tonumber(kept[1] or 0) - tonumber(kept[2] or 0)
  local first = redis.call('ZRANGE', ready, 0, ${LOOK - 1})
  for i = 1, #first do first[i] = string.sub(first[i], 17) end
  -- The first of those in the list was the first to be due.
  for _, id in ipairs(redis.call('LRANGE', list, 0, gone > 0 and ${LOOK - 1} or 0)) do first[#first + 1] = id end
  read(first)
  local oldest = false
  for _, id in ipairs(first) do
    local t = tasks[id]
    if t and t[STATE] == READY and t[QUEUE] == q and (not oldest or t[RUN] < oldest) then oldest = t[RUN] end
  end
  stats[14], stats[15] = oldest, set[6]
  all[#all + 1] = stats
end
return {now, all}
`;

/**
 * ARGV: filter; the change as JSON, with \`who\` for the end of a JSON object; how many were changed by the same request
 * before, most to change; ids. Returns the ids of those that fit and are changed.
 */
export const ALTER: string = `
${FITS}
local change = cjson.decode(ARGV[2])
local index, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
local who = change.who
-- What an event says of it.
local function said(more)
  local text = who .. (more or '')
  return text == '' and '' or '{' .. string.sub(text, 2) .. '}'
end
local ids, changed = {}, {}
for i = 5, #ARGV do ids[#ids + 1] = ARGV[i] end
read(ids)

local function nextSeq(q)
  local seq = redis.call('HINCRBY', P .. 'q:' .. q, 'seq', 1)
  if seq == 1 then
    redis.call('SADD', P .. 'queues', q)
    if redis.call('EXISTS', P .. 'indexed') == 1 then
      redis.call('HSET', P .. 'q:' .. q, 'indexed', '1')
      queueOf(q).indexed = '1'
    end
  end
  return seq
end

local function takes(q, priority)
  local range = redis.call('HGET', P .. 'q:' .. q, 'priorities')
  local least, most = string.match(range or '', '^(%S+) (%S+)$')
  return not least or (priority >= tonumber(least) and priority <= tonumber(most))
end

local kinds = {}
function kinds.redrive(id, t)
  if t[STATE] ~= DEAD or not takeKey(id, t, t[QUEUE]) then return false end
  note(id, t, entry('redriven', t, who .. (change.payload and ',"edited":true' or '')))
  if change.payload then
    local body = redis.call('HGET', BODY, id)
    redis.call('HSET', BODY, id, string.sub(body, 1, string.find(body, '\\n', 1, true)) .. change.payload)
  end
  leave(id, t)
  t[STATE] = NEW
  t[ATTEMPTS], t[HOLDER], t[FINISHED], t[EXPIRES] = 0, '', 0, 0
  t[RUN] = math.ceil(now + index * (change.everyMs or 0))
  if has(t, HAS_PROGRESS) then
    redis.call('HDEL', PROGRESS, id)
    clear(t, HAS_PROGRESS)
  end
  join(t, nextSeq(t[QUEUE]), false)
  event('task.redriven', t[QUEUE], id, t[NAME], t[EPOCH], said())
  if t.more and t.more.children then wait(id, t) else arrive(id, t) end
  for _, other in ipairs(t.more and t.more.parents or {}) do
    local parent = task(other)
    if parent and parent.more.blocked == 'children' then
      parent.more.pending = parent.more.pending + 1
      dirty[other] = parent
    end
  end
  return true
end
function kinds.cancel(id, t)
  local running = t[STATE] == LEASED and change.running and not has(t, CANCEL)
  if t[STATE] > BLOCKED and not running then return false end
  note(id, t, entry('cancelled', t, who))
  if running then
    mark(t, CANCEL)
    dirty[id] = t
  else
    t[HOLDER] = ''
    finish(id, t, CANCELLED, said())
  end
  return true
end
local function delete(id, t)
  local live = t[STATE] <= BLOCKED
  for _, other in ipairs(t.more and t.more.children or {}) do
    local child = task(other)
    local left = {}
    for _, parent in ipairs(child and child.more and child.more.parents or {}) do
      if parent ~= id then left[#left + 1] = parent end
    end
    if child and child.more then
      child.more.parents = #left > 0 and left or nil
      dirty[other] = child
    end
  end
  drop(id, t)
  freeKey(id, t, t[QUEUE])
  if live then childEnded(id, t) end
end
function kinds.remove(id, t)
  if t[STATE] == LEASED then return false end
  event('task.removed', t[QUEUE], id, t[NAME], '', said())
  delete(id, t)
  return true
end
-- How many of each queue.
local cleaned = {}
function kinds.clean(id, t)
  if t[STATE] < COMPLETED then return false end
  delete(id, t)
  cleaned[t[QUEUE]] = (cleaned[t[QUEUE]] or 0) + 1
  return true
end
function kinds.promote(id, t)
  if t[STATE] ~= SCHEDULED then return false end
  note(id, t, entry('promoted', t, who))
  event('task.promoted', t[QUEUE], id, t[NAME], '', said())
  t[RUN] = now
  arrive(id, t)
  return true
end
function kinds.reprioritise(id, t)
  local state, blocked = t[STATE], t.more and t.more.blocked
  if state > BLOCKED or t[PRIORITY] == change.priority or not takes(t[QUEUE], change.priority) then return false end
  note(id, t, entry('reprioritised', t, who))
  event('task.reprioritised', t[QUEUE], id, t[NAME], '', said())
  leave(id, t)
  t[STATE] = NEW
  t[PRIORITY] = change.priority
  move(id, t, state, blocked)
  return true
end
local function hasParent(m)
  for _, other in ipairs(m.parents or {}) do
    if task(other) then return true end
  end
  return false
end
function kinds.move(id, t)
  local from, to, m, state = t[QUEUE], change.queue, t.more or {}, t[STATE]
  if (state ~= READY and state ~= SCHEDULED and state ~= DEAD) or from == to then return false end
  if m.children or hasParent(m) or not takes(to, t[PRIORITY]) or not takeKey(id, t, to) then return false end
  local left = ',"from":' .. cjson.encode(from)
  note(id, t, entry('moved', t, who .. left))
  event('task.moved', to, id, t[NAME], '', said(left))
  freeKey(id, t, from)
  leave(id, t)
  t[STATE] = NEW
  freeSlot(t)
  if state ~= DEAD then part(t) end
  m.member, m.slot, m.parents = nil, nil, nil
  t[HOLDER], t[QUEUE] = '', to
  local seq = nextSeq(to)
  keepOrder(from, id, false)
  keepOrder(to, id, 0)
  if state == DEAD then
    move(id, t, DEAD)
  else
    join(t, seq, true)
    arrive(id, t)
  end
  return true
end

for _, id in ipairs(ids) do
  if #changed == limit then break end
  local t = tasks[id]
  if t and fits(id, t) and kinds[change.kind](id, t) then
    changed[#changed + 1] = id
    index = index + 1
    if change.kind == 'redrive' or change.kind == 'promote' then woken[t[QUEUE]] = true end
  end
end
for q, n in pairs(cleaned) do event('queue.cleaned', q, q, '', '', said(string.format(',"count":%d', n))) end
finishCall()
return changed
`;

/** ARGV: queue, the patch as JSON, in which null takes away; \`who\` for the event, \`limited\` where limits change. */
export const CONTROL = `
model()
local q, patch = ARGV[1], cjson.decode(ARGV[2])
local key = P .. 'q:' .. q
redis.call('SADD', P .. 'queues', q)
redis.call('HSET', key, 'configured', '1')
local s = queueOf(q)
local limits = s.limits
local function set(field)
  local value = patch[field]
  if value ~= nil then limits[field] = value ~= cjson.null and value or nil end
end
set('concurrency')
set('rate')
set('groupDefaults')
for name, value in pairs(patch.groups or {}) do
  limits.groups = limits.groups or {}
  limits.groups[name] = value ~= cjson.null and value or nil
end
if limits.groups and not next(limits.groups) then limits.groups = nil end
if next(limits) then redis.call('HSET', key, 'limits', cjson.encode(limits)) else redis.call('HDEL', key, 'limits') end
if patch.priorities == cjson.null then redis.call('HDEL', key, 'priorities')
elseif patch.priorities then
  redis.call('HSET', key, 'priorities', string.format('%d %d', patch.priorities.min, patch.priorities.max))
end
if patch.rate ~= nil then
  s.rate = windowOf(s.rate or nil, limits.rate)
  if not s.rate then redis.call('HDEL', key, 'rate') end
end
if s.fair and (patch.groupDefaults ~= nil or patch.groups) then
  for _, name in ipairs(redis.call('HKEYS', P .. 'g:' .. q)) do
    local g = groupOf(q, name)
    g.rate = windowOf(g.rate, limitsOf(q, name).rate)
    if not g.rate or not g.rate.s[1] then redis.call('ZREM', P .. 'reopen:' .. q, name) end
    rebalance(q, name, g)
  end
end
if patch.limited then event('queue.changed', q, q, '', '', patch.who) end
if patch.paused ~= nil then
  if patch.paused ~= (s.paused and true or false) then
    event(patch.paused and 'queue.paused' or 'queue.resumed', q, q, '', '', patch.who)
  end
  if patch.paused then
    redis.call('HSET', key, 'paused', '1', 'reason', patch.reason or '', 'by', patch.by or '')
  else
    redis.call('HDEL', key, 'paused', 'reason', 'by')
  end
  s.paused = patch.paused
end
if not s.paused then woken[q] = 'new' end
finishCall()
return 1
`;
