/** How many tasks one call of a script looks at, at most: other clients wait meanwhile. */
export const LOOK = 1_000;

/** A task as the scripts that list return it. */
const SHOW = `
local function show(id, t)
  return {id, redis.call('HGET', BODY, id) or '', t[QUEUE], t[STATE], t[EPOCH], t[ATTEMPTS], t[MAX], t[PRIORITY],
    t[RUN], t[ADDED], t[UNTIL], t[STARTED], t[FINISHED], t[EXPIRES], t[KEY], t[HOLDER],
    has(t, HAS_RESULT) and redis.call('HGET', RESULT, id),
    has(t, HAS_LOG) and redis.call('HGET', LOG, id)}
end
`;

/** Whether a task fits a filter: ARGV[1] queue or '', ARGV[2] digits of the states or '', ARGV[3] JSON of the name or ''. */
const FITS = `
local function fits(id, t)
  if ARGV[1] ~= '' and t[QUEUE] ~= ARGV[1] then return false end
  if ARGV[2] ~= '' and not string.find(ARGV[2], t[STATE], 1, true) then return false end
  if ARGV[3] ~= '' then
    local body = redis.call('HGET', BODY, id) or ''
    local start = '[' .. ARGV[3] .. ','
    if string.sub(body, 1, #start) ~= start then return false end
  end
  return true
end
`;

/** ARGV: filter; ids. Returns the tasks that fit. */
export const FIND_IDS: string = `
${SHOW}${FITS}
local found, ids = {}, {}
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
read(ids)
for _, id in ipairs(ids) do
  if tasks[id] and fits(id, tasks[id]) then found[#found + 1] = show(id, tasks[id]) end
end
return found
`;

/**
 * ARGV: filter with a queue; '1' for the newest first, id to start after or '', most to return. Returns the tasks, and
 * the id to go on after when there may be more, or false. Ids are walked in order; where few tasks are in the states
 * wanted, those are sorted instead.
 */
export const FIND: string = `
${SHOW}${FITS}
local q, newest, after, limit = ARGV[1], ARGV[4] == '1', ARGV[5], tonumber(ARGV[6])
local finished, live = {}, {}
for state in string.gmatch(ARGV[2] == '' and '1234567' or ARGV[2], '%d') do
  local list = tonumber(state) >= COMPLETED and finished or live
  list[#list + 1] = tonumber(state)
end
local LIVE = {[READY] = 'ready:', [SCHEDULED] = 'sched:', [LEASED] = 'lease:', [BLOCKED] = 'blocked:'}

-- The next ids of a set in which all scores are 0.
local function walk(key, count)
  if newest then
    return redis.call('ZREVRANGEBYLEX', key, after == '' and '+' or '(' .. after, '-', 'LIMIT', 0, count)
  end
  return redis.call('ZRANGEBYLEX', key, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, count)
end

local function sort(ids)
  if newest then table.sort(ids, function(a, b) return a > b end) else table.sort(ids) end
end

local ids, more = {}, false
local few = true
local size = 0
for _, state in ipairs(live) do size = size + redis.call('ZCARD', P .. LIVE[state] .. q) end
if size <= ${LOOK} and ARGV[2] ~= '' then
  for _, state in ipairs(live) do
    for _, member in ipairs(redis.call('ZRANGE', P .. LIVE[state] .. q, 0, -1)) do
      local id = state == READY and string.sub(member, 17) or member
      if after == '' or (newest and id < after) or (not newest and id > after) then ids[#ids + 1] = id end
    end
  end
  for _, state in ipairs(finished) do
    local part = walk(P .. 'done:' .. state .. ':' .. q, ${LOOK})
    for _, id in ipairs(part) do ids[#ids + 1] = id end
    if #part == ${LOOK} then more = true end
  end
  sort(ids)
  -- Beyond the last of a part that is not whole, nothing is known.
  if more then
    for i = #ids, ${LOOK} + 1, -1 do ids[i] = nil end
  end
else
  ids = walk(P .. 'ids:' .. q, ${LOOK})
  more = #ids == ${LOOK}
end

local found = {}
local seen = false
local from = 1
while from <= #ids and #found < limit do
  local part = {unpack(ids, from, math.min(#ids, from + 199))}
  read(part)
  for _, id in ipairs(part) do
    if #found == limit then break end
    seen = id
    if tasks[id] and fits(id, tasks[id]) then found[#found + 1] = show(id, tasks[id]) end
  end
  from = from + 200
end
return {found, #found < limit and more and seen}
`;

/** ARGV: queues, or none for all. Returns for each: name, paused, reason, by, counts by state, since when, and last now. */
export const STATS: string = `
local queues = #ARGV > 0 and ARGV or redis.call('SMEMBERS', P .. 'queues')
local all = {}
for _, q in ipairs(queues) do
  local set = redis.call('HMGET', P .. 'q:' .. q, 'paused', 'reason', 'by', 'configured')
  local stats = {q, set[1] or false, set[2] or false, set[3] or false, set[4] or false}
  local ready = P .. 'ready:' .. q
  stats[6] = redis.call('ZCARD', ready)
  stats[7] = redis.call('ZCARD', P .. 'sched:' .. q)
  stats[8] = redis.call('ZCARD', P .. 'blocked:' .. q)
  stats[9] = redis.call('ZCARD', P .. 'lease:' .. q)
  for state = COMPLETED, CANCELLED do stats[5 + state] = redis.call('ZCARD', P .. 'done:' .. state .. ':' .. q) end
  -- Among the next ${LOOK} to be claimed.
  local first = redis.call('ZRANGE', ready, 0, ${LOOK - 1})
  for i = 1, #first do first[i] = string.sub(first[i], 17) end
  read(first)
  local oldest = false
  for _, id in ipairs(first) do
    local t = tasks[id]
    if t and (not oldest or t[RUN] < oldest) then oldest = t[RUN] end
  end
  stats[13] = oldest
  all[#all + 1] = stats
end
return {now, all}
`;

/**
 * ARGV: filter; 'redrive', 'cancel' or 'remove'; by and reason as the rest of a JSON object; ids. Returns the ids of
 * the tasks that fit and are changed.
 */
export const ALTER: string = `
${FITS}
local kind, who = ARGV[4], ARGV[5]
local ids, changed = {}, {}
for i = 6, #ARGV do ids[#ids + 1] = ARGV[i] end
read(ids)

local function freeKey(id, t)
  local keys = P .. 'keys:' .. t[QUEUE]
  local held = t[KEY] ~= '' and redis.call('HGET', keys, t[KEY])
  if held and string.sub(held, 9) == id then
    redis.call('HDEL', keys, t[KEY])
    zput(P .. 'keyexpiry', #t[QUEUE] .. ':' .. t[QUEUE] .. t[KEY], false)
  end
end

local change = {}
function change.redrive(id, t)
  if t[STATE] ~= DEAD then return false end
  leave(id, t)
  note(id, t, entry('redriven', t, who))
  t[ATTEMPTS], t[HOLDER], t[FINISHED], t[EXPIRES], t[RUN] = 0, '', 0, 0, now
  t[PLACE] = struct.pack('>dd', 0, redis.call('HINCRBY', P .. 'q:' .. t[QUEUE], 'seq', 1))
  enter(id, t, READY)
  return true
end
function change.cancel(id, t)
  if t[STATE] > BLOCKED then return false end
  leave(id, t)
  note(id, t, entry('cancelled', t, who))
  t[HOLDER] = ''
  finish(id, t, CANCELLED, t[KEEP_COMPLETED])
  return true
end
function change.remove(id, t)
  if t[STATE] == LEASED then return false end
  leave(id, t)
  drop(id, t)
  freeKey(id, t)
  return true
end

for _, id in ipairs(ids) do
  local t = tasks[id]
  if t and fits(id, t) and change[kind](id, t) then changed[#changed + 1] = id end
end
flush()
wakeAll()
return changed
`;

/** ARGV: queue, '1' for paused, reason, by. */
export const CONTROL = `
local q = ARGV[1]
redis.call('SADD', P .. 'queues', q)
redis.call('HSET', P .. 'q:' .. q, 'configured', '1')
if ARGV[2] == '1' then
  redis.call('HSET', P .. 'q:' .. q, 'paused', '1', 'reason', ARGV[3], 'by', ARGV[4])
else
  redis.call('HDEL', P .. 'q:' .. q, 'paused', 'reason', 'by')
  wake(q)
end
return 1
`;
