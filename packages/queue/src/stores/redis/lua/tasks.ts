/** What befalls a task: its history, its key, its parents and children, and its end. */
export const TASKS = `
-- Adds a line to a task's history.
function note(id, t, line)
  if has(t, HAS_LOG) then line = (redis.call('HGET', LOG, id) or '') .. '\\n' .. line end
  redis.call('HSET', LOG, id, line)
  t[NOTES] = t[NOTES] + 1
  mark(t, HAS_LOG)
  dirty[id] = t
end
-- A line made here: \`more\` is the rest of the JSON object.
function entry(kind, t, more)
  return string.format('{"kind":"%s","at":%.0f,"attempt":%d,"epoch":%d', kind, now, t[ATTEMPTS], t[EPOCH]) .. more .. '}'
end

function keyOf(t)
  return string.match(t[KEY], '^%d+:(.*)$')
end
-- The id of the task that holds a key.
function holderOf(q, key)
  local held = redis.call('HGET', P .. 'keys:' .. q, key)
  if not held then return nil end
  local holder = string.sub(held, 9)
  if struct.unpack('>d', held) > now then return holder end
  local t = task(holder)
  return t and t[STATE] <= LEASED and holder or nil
end
function keepKey(q, key, id, expires)
  redis.call('HSET', P .. 'keys:' .. q, key, struct.pack('>d', expires) .. id)
  redis.call('ZADD', P .. 'keyexpiry', expires, #q .. ':' .. q .. key)
end
-- Takes the key of a task that is there already, for what is left of its time; one that is freed on start it has lost
-- for good. Whether nobody else has it.
function takeKey(id, t, q)
  if t.more and t.more.start and t[EPOCH] > 0 then return true end
  local ttl, key = string.match(t[KEY], '^(%d+):(.*)$')
  if not ttl then return true end
  local holder = holderOf(q, key)
  if holder then return holder == id end
  keepKey(q, key, id, t[ADDED] + tonumber(ttl))
  return true
end
function freeKey(id, t, q)
  local key = keyOf(t)
  local held = key and redis.call('HGET', P .. 'keys:' .. q, key)
  if held and string.sub(held, 9) == id then
    redis.call('HDEL', P .. 'keys:' .. q, key)
    redis.call('ZREM', P .. 'keyexpiry', #q .. ':' .. q .. key)
  end
end

function hasLiveParent(t)
  for _, id in ipairs(t.more and t.more.parents or {}) do
    local parent = task(id)
    if parent and parent[STATE] <= LEASED then return true end
  end
  return false
end

-- Forgets a task.
function drop(id, t)
  local live = t[STATE] <= LEASED
  leave(id, t)
  if inGroup(t) then
    freeSlot(t)
    if live then part(t) end
  end
  dirty[id] = nil
  tasks[id] = false
  local list = t.plain and droppedPlain or dropped
  list[#list + 1] = id
  keepOrder(t[QUEUE], id, false)
  if has(t, HAS_LOG) then redis.call('HDEL', LOG, id) end
  if has(t, HAS_RESULT) then redis.call('HDEL', RESULT, id) end
  if has(t, HAS_PROGRESS) then redis.call('HDEL', PROGRESS, id) end
end

-- Children that ended, told to their parents one by one: a chain of failures needs no deep stack.
local line, working = {}, false
function fail(id, parent, child)
  note(id, parent, entry('child', parent, ',"child":' .. cjson.encode(child)))
  tally(parent[QUEUE], 'dead', 1)
  finish(id, parent, DEAD)
end
local function tell(id, parent, child, completed)
  local m = parent.more
  if m.blocked ~= 'children' then return end
  m.pending = m.pending - 1
  dirty[id] = parent
  if not completed and m.policy == 'fail' then return fail(id, parent, child) end
  if m.pending > 0 then return end
  parent[RUN] = max(parent[RUN], now)
  arrive(id, parent)
end
function childEnded(id, t)
  local parents = t.more and t.more.parents
  if not parents then return end
  line[#line + 1] = {id, t[STATE] == COMPLETED, parents}
  if working then return end
  working = true
  while line[1] do
    local next = table.remove(line, 1)
    for _, parent in ipairs(next[3]) do
      if task(parent) then tell(parent, tasks[parent], next[1], next[2]) end
    end
  end
  working = false
end
-- A parent waits for those of its children that are live, or arrives.
function wait(id, parent)
  local m = parent.more
  m.pending = 0
  for _, child in ipairs(m.children) do
    local t = task(child)
    if t then
      t.more = t.more or {}
      t.more.parents = t.more.parents or {}
      local known = false
      for _, other in ipairs(t.more.parents) do known = known or other == id end
      if not known then
        t.more.parents[#t.more.parents + 1] = id
        dirty[child] = t
      end
      if t[STATE] <= LEASED then m.pending = m.pending + 1 end
    end
  end
  if m.pending > 0 then move(id, parent, BLOCKED, 'children') else arrive(id, parent) end
end

-- Ends a task for good, and what that means for its group, its key and its parents.
function finish(id, t, state, who)
  local q, m = t[QUEUE], t.more
  local keep = state == DEAD and t[KEEP_DEAD] or t[KEEP_COMPLETED]
  t[FINISHED], t[EXPIRES], t[UNTIL] = now, now + keep, 0
  move(id, t, state)
  if inGroup(t) then
    local g = groupOf(q, m.g)
    if not (state == DEAD and g and g.strict == 'block') then freeSlot(t) end
    part(t)
  end
  if m and m.free and state ~= COMPLETED then freeKey(id, t, q) end
  event('task.' .. STATE_NAMES[state], q, id, t[NAME], t[EPOCH] > 0 and t[EPOCH] or '', who)
  ended[q] = true
  if m and m.parents then childEnded(id, t) end
  if keep <= 0 and not hasLiveParent(t) then drop(id, t) end
end
end
`;
