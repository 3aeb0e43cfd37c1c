import { IS_AFTER } from './head.js';

/** How many tasks one call of a script looks at, at most: other clients wait meanwhile. */
export const LOOK = 1_000;
/** How long the order of ids is kept after it was last asked for. */
const INDEX_MS = 600_000;

/** A task as the scripts that list return it. */
const SHOW = `
local function show(id, t)
  return {id, bodyOf(id, t), t[QUEUE], t[STATE], t[EPOCH], t[ATTEMPTS], t[MAX], t[PRIORITY],
    t[RUN], t[ADDED], t[UNTIL], t[STARTED], t[FINISHED], t[EXPIRES], keyOf(t) or false, t[HOLDER],
    has(t, HAS_RESULT) and redis.call('HGET', RESULT, id), has(t, HAS_LOG) and redis.call('HGET', LOG, id),
    t[MORE], has(t, CANCEL) and 1 or 0, has(t, HAS_PROGRESS) and redis.call('HGET', PROGRESS, id)}
end
`;

/** Whether a task fits the filter, ARGV[1], as JSON; \`states\` is a text of their numbers. */
export const FITS = `
model()
local filter = cjson.decode(ARGV[1])
local children
if filter.childrenOf then
  local parent = task(filter.childrenOf)
  children = {}
  for _, id in ipairs(parent and parent.more and parent.more.children or {}) do children[id] = true end
end
local function lastError(id, t)
  if not has(t, HAS_LOG) then return nil end
  local name
  for line in string.gmatch(redis.call('HGET', LOG, id) or '', '[^\\n]+') do
    if string.find(line, '"name":', 1, true) then name = cjson.decode(line).name or name end
  end
  return name
end
local function fits(id, t)
  local f, m = filter, t.more or {}
  if f.queue and t[QUEUE] ~= f.queue then return false end
  if f.states and not string.find(f.states, t[STATE], 1, true) then return false end
  if f.name and t[NAME] ~= f.name then return false end
  if f.group and m.g ~= f.group then return false end
  if children and not children[id] then return false end
  if f.blockedBy and (m.blocked or 'none') ~= f.blockedBy then return false end
  if f.finishedFrom and (t[FINISHED] == 0 or t[FINISHED] < f.finishedFrom) then return false end
  if f.finishedTo and (t[FINISHED] == 0 or t[FINISHED] >= f.finishedTo) then return false end
  if f.error and lastError(id, t) ~= f.error then return false end
  return true
end
`;

/** ARGV: filter; ids. Returns the tasks that fit. */
export const FIND_IDS: string = `
${FITS}${SHOW}
local found, ids = {}, {}
for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
read(ids)
for _, id in ipairs(ids) do
  if tasks[id] and fits(id, tasks[id]) then found[#found + 1] = show(id, tasks[id]) end
end
return found
`;

/**
 * Makes the order of ids, a bounded number of tasks a call: while there is one, it is kept up to date, and a task that
 * is there all the time is met by the scan. It goes when nobody has asked for it for a while.
 */
const INDEX = `
local function indexMore(at)
  if not at then
    for _, q in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
      redis.call('UNLINK', P .. 'ids:' .. q)
      redis.call('HSET', P .. 'q:' .. q, 'indexed', '1')
    end
    at = '0'
  end
  local part = redis.call('HSCAN', META, at, 'COUNT', ${LOOK})
  local queues, lines = {}, {}
  for i = 1, #part[2], 2 do
    local id, row, q = part[2][i], part[2][i + 1], nil
    if string.byte(row) == PLAIN then
      local line = string.sub(row, 2, string.find(row, '\\n', 1, true) - 1)
      q = lines[line] or cjson.decode(line)[1]
      lines[line] = q
    else
      q = struct.unpack('s', row, AT_TEXTS)
    end
    local list = queues[q] or {}
    queues[q] = list
    list[#list + 1] = 0
    list[#list + 1] = id
  end
  for q, list in pairs(queues) do many('ZADD', P .. 'ids:' .. q, list) end
  redis.call('SET', P .. 'indexed', part[1] == '0' and 'all' or part[1], 'PX', ${INDEX_MS})
end
`;

/**
 * ARGV: filter with a queue; '1' for the newest first, id to start after or '', most to return. Returns the tasks, and
 * the id to go on after when there may be more ('' for the same again), or false. Ids are walked in order; where few
 * tasks are in the states wanted, those are sorted instead.
 */
export const FIND: string = `
${FITS}${SHOW}${INDEX}
local q, newest, after, limit = filter.queue, ARGV[2] == '1', ARGV[3], tonumber(ARGV[4])
local finished, live = {}, {}
for state in string.gmatch(filter.states or '1234567', '%d') do
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

${IS_AFTER}
local ids, more = {}, false
local size, seen = 0, {}
local function take(id)
  if seen[id] or not (after == '' or (newest and isAfter(after, id)) or (not newest and isAfter(id, after))) then return end
  seen[id] = true
  ids[#ids + 1] = id
end
for _, state in ipairs(live) do
  size = size + redis.call('ZCARD', P .. LIVE[state] .. q)
  if state == READY then size = size + redis.call('LLEN', P .. 'fifo:' .. q) end
end
local kept = string.find(filter.states or '5', COMPLETED, 1, true) and redis.call('HGET', P .. 'q:' .. q, 'kept')
if kept then size = size + tonumber(kept) end
if size <= ${LOOK} then
  for _, member in ipairs(kept and redis.call('SMEMBERS', P .. 'keeps:' .. q) or {}) do
    for _, entry in ipairs(redis.call('LRANGE', P .. 'kept:' .. member, 0, -1)) do
      local _, _, _, _, _, at = struct.unpack('>BBddI2c0', entry)
      for id in string.gmatch(string.sub(entry, at), '[^ ]+') do take(id) end
    end
  end
  for _, state in ipairs(live) do
    for _, member in ipairs(redis.call('ZRANGE', P .. LIVE[state] .. q, 0, -1)) do
      take(state == READY and string.sub(member, 17) or member)
    end
    if state == READY then
      for _, id in ipairs(redis.call('LRANGE', P .. 'fifo:' .. q, 0, -1)) do take(id) end
    end
  end
  for _, state in ipairs(finished) do
    local part = walk(P .. 'done:' .. state .. ':' .. q, ${LOOK})
    for _, id in ipairs(part) do take(id) end
    if #part == ${LOOK} then more = true end
  end
  table.sort(ids, newest and isAfter or function(a, b) return isAfter(b, a) end)
  -- Beyond the last of a part that is not whole, nothing is known.
  if more then
    for i = #ids, ${LOOK} + 1, -1 do ids[i] = nil end
  end
else
  local at = redis.call('GET', P .. 'indexed')
  if at ~= 'all' then
    indexMore(at)
    return {{}, after}
  end
  redis.call('PEXPIRE', P .. 'indexed', ${INDEX_MS})
  ids = walk(P .. 'ids:' .. q, ${LOOK})
  more = #ids == ${LOOK}
end

local found, last, from = {}, false, 1
while from <= #ids and #found < limit do
  local part = {unpack(ids, from, min(#ids, from + 199))}
  read(part)
  for _, id in ipairs(part) do
    if #found == limit then break end
    last = id
    -- A task that was taken to another queue may still be in the list of this one.
    if tasks[id] and tasks[id][QUEUE] == q and fits(id, tasks[id]) then found[#found + 1] = show(id, tasks[id]) end
  end
  from = from + 200
end
return {found, #found < limit and more and last}
`;
