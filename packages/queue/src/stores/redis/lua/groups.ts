/** Where a task stands: its state, its place, and its group's slots. */
export const GROUPS = `
-- Made only when they are needed: most calls take the short ways, and functions cost time to make.
local inGroup, limitsOf, groupOf, leave, move, admit, rebalance, freeSlot, join, part, arrive, note,
  entry, keyOf, holderOf, keepKey, takeKey, freeKey, hasLiveParent, drop, fail, childEnded, wait, finish
local function model()
if finish then return end
local function groupKey(kind, q, key)
  return P .. kind .. ':' .. #q .. ':' .. q .. key
end
function limitsOf(q, key)
  local limits = queueOf(q).limits
  return limits.groups and limits.groups[key] or limits.groupDefaults or {}
end
function groupOf(q, key)
  local s = queueOf(q)
  local g = s.groups[key]
  if g == nil then
    local row = redis.call('HGET', P .. 'g:' .. q, key)
    g = false
    if row then
      g = cjson.decode(row)
      g.last = tonumber(g.last)
      g.rate = windowOf(g.rate, limitsOf(q, key).rate)
    end
    s.groups[key] = g
  end
  return g
end
local function space(q, key, g)
  local most = limitsOf(q, key).concurrency or math.huge
  if g.strict then most = min(1, most) end
  return most - g.held
end
local function allowance(q, key, g)
  if not g.rate then return math.huge end
  return limitsOf(q, key).rate.max - used(g.rate) - redis.call('ZCARD', groupKey('gready', q, key))
end

function inGroup(t)
  return t.more and t.more.member
end

-- Takes a task out of the set of its state. What belongs to groups is changed at once, as it is read again.
function leave(id, t)
  local state, q, m = t[STATE], t[QUEUE], t.more
  if t.listed then unlist(t)
  elseif state == READY then
    zput(P .. 'ready:' .. q, t[PLACE] .. id, false)
    if inGroup(t) then redis.call('ZREM', groupKey('gready', q, m.g), t[PLACE] .. id) end
  elseif state == SCHEDULED then zput(P .. 'sched:' .. q, id, false)
  elseif state == BLOCKED then
    zput(P .. 'blocked:' .. q, id, false)
    if m.blocked == 'group' then redis.call('ZREM', groupKey('gwait', q, m.g), t[PLACE] .. id) end
    m.blocked = nil
  elseif state == LEASED then
    zput(P .. 'lease:' .. q, id, false)
    if queueOf(q).limits.concurrency then woken[q] = true end
  elseif t.kept then unkeep(t)
  elseif state ~= NEW then
    zput(P .. 'done:' .. state .. ':' .. q, id, false)
    zput(EXPIRY, id, false)
  end
end

-- Moves a task to a state and its set; RUN, UNTIL and EXPIRES must be right before.
function move(id, t, state, blocked)
  leave(id, t)
  local q = t[QUEUE]
  t[STATE] = state
  dirty[id] = t
  if state == READY then
    zput(P .. 'ready:' .. q, t[PLACE] .. id, -t[PRIORITY])
    if inGroup(t) then redis.call('ZADD', groupKey('gready', q, t.more.g), -t[PRIORITY], t[PLACE] .. id) end
    woken[q] = true
  elseif state == SCHEDULED then zput(P .. 'sched:' .. q, id, t[RUN])
  elseif state == BLOCKED then
    zput(P .. 'blocked:' .. q, id, 0)
    t.more.blocked = blocked
    if blocked == 'group' then redis.call('ZADD', groupKey('gwait', q, t.more.g), -t[PRIORITY], t[PLACE] .. id) end
  elseif state == LEASED then zput(P .. 'lease:' .. q, id, t[UNTIL])
  else
    zput(P .. 'done:' .. state .. ':' .. q, id, 0)
    zput(EXPIRY, id, t[EXPIRES])
  end
end

-- Gives free slots of a group to the tasks that wait for one.
function admit(q, key)
  local g = groupOf(q, key)
  if not g then return end
  while space(q, key, g) > 0 do
    local first = redis.call('ZRANGE', groupKey('gwait', q, key), 0, 0)[1]
    if not first then return end
    if allowance(q, key, g) <= 0 then
      local slice = g.rate.s[1]
      if slice then redis.call('ZADD', P .. 'reopen:' .. q, 'NX', slice[1] + g.rate.w, key) end
      return
    end
    local id = string.sub(first, 17)
    local t = task(id)
    if not t then
      redis.call('ZREM', groupKey('gwait', q, key), first)
    else
      t.more.slot = true
      g.held = g.held + 1
      move(id, t, READY)
    end
  end
end

-- Takes slots back that are too many, the last first, and gives those that are free. A task whose lease lapsed keeps
-- its slot, for its handler may run still: it waits until the rate may have room.
function rebalance(q, key, g)
  local over, overRate = -space(q, key, g), -allowance(q, key, g)
  if over > 0 or overRate > 0 then
    for _, member in ipairs(redis.call('ZREVRANGE', groupKey('gready', q, key), 0, -1)) do
      if over <= 0 and overRate <= 0 then break end
      local id = string.sub(member, 17)
      local t = task(id)
      if t and t[HOLDER] == '' then
        over, overRate = over - 1, overRate - 1
        t.more.slot = nil
        g.held = g.held - 1
        move(id, t, BLOCKED, 'group')
      elseif t and overRate > 0 then
        overRate = overRate - 1
        t[RUN] = (g.rate.s[1] and g.rate.s[1][1] or now) + g.rate.w
        move(id, t, SCHEDULED)
      end
    end
  end
  admit(q, key)
end

function freeSlot(t)
  if not inGroup(t) or not t.more.slot then return end
  t.more.slot = nil
  local g = groupOf(t[QUEUE], t.more.g)
  if g then g.held = g.held - 1 end
  admit(t[QUEUE], t.more.g)
end

-- A live task joins its group and gets its place: by its tag, then by arrival.
function join(t, seq, enqueued)
  local q, m = t[QUEUE], t.more
  local s = queueOf(q)
  local tag = s.vtime
  local restrict
  if m and m.g then
    local g = groupOf(q, m.g)
    local isNew = not g
    if isNew then
      g = {last = 0, live = 0, held = 0, rate = windowOf(nil, limitsOf(q, m.g).rate)}
      s.groups[m.g] = g
    end
    if not s.fair then
      s.fair = '1'
      redis.call('HSET', P .. 'q:' .. q, 'fair', '1')
    end
    g.live = g.live + 1
    m.member = true
    tag = max(s.vtime, g.last) + 1 / (m.w or limitsOf(q, m.g).weight or 1)
    g.last = tag
    if (enqueued or isNew) and g.strict ~= m.strict then
      g.strict = m.strict
      restrict = g
    end
  end
  t[PLACE] = struct.pack('>dd', tag, seq)
  if restrict then rebalance(q, m.g, restrict) end
end

-- A group of which nothing is left is forgotten at the end of the call (see finishCall).
function part(t)
  if not inGroup(t) then return end
  local g = groupOf(t[QUEUE], t.more.g)
  if g then
    g.live = g.live - 1
    if g.live == 0 then g.last = 0 end
  end
  if not t.more.slot then t.more.member = nil end
end

-- Puts a task that waits for nothing but its time and its group where it belongs.
function arrive(id, t)
  if t[RUN] > now then move(id, t, SCHEDULED)
  elseif not inGroup(t) then move(id, t, READY)
  elseif t.more.slot then
    move(id, t, READY)
    -- It comes back with the slot it had: its claim counted, or the limit was lowered, and there may be no room for it.
    local g = groupOf(t[QUEUE], t.more.g)
    if g and (g.rate or space(t[QUEUE], t.more.g, g) < 0) then rebalance(t[QUEUE], t.more.g, g) end
  else
    move(id, t, BLOCKED, 'group')
    admit(t[QUEUE], t.more.g)
  end
end
`;
