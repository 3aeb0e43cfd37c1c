/**
 * ARGV: worker, lease in ms, token of this exchange, token of the last one that was answered ('' when unknown), most
 * tasks to claim, number of queues, the queues; number of leases to extend, then id and epoch of each; number of leases
 * completed without a result, then id and epoch of each; then id, epoch, outcome ('c', 'r', 'd' or 'b'), '1' when the
 * next is absolute, delay or time, and result or history entry of each of the others.
 *
 * Returns: now, the places of what was settled, the places of what was extended, claimed tasks, next due.
 */
export const EXCHANGE = `
local worker, lease, token, answered = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local limit, queues = tonumber(ARGV[5]), tonumber(ARGV[6])
local extendAt = 8 + queues
local extendCount = tonumber(ARGV[extendAt - 1])
local doneAt = extendAt + 2 * extendCount + 1
local doneCount = tonumber(ARGV[doneAt - 1])
local otherAt = doneAt + 2 * doneCount

-- The task under this lease, or under this lease until it lapsed.
local function held(id, epoch)
  local t = tasks[id]
  if t and t[EPOCH] == tonumber(epoch) and t[HOLDER] == worker and (t[STATE] == LEASED or t[STATE] == READY) then
    return t
  end
end

local ids, n = {}, 0
for i = 0, extendCount - 1 do
  n = n + 1
  ids[n] = ARGV[extendAt + 2 * i]
end
for i = otherAt, #ARGV, 6 do
  n = n + 1
  ids[n] = ARGV[i]
end

local settled, s = {}, 0

-- The short way, for what is most of the work: completed without a result, nothing kept, and nothing else of it.
local long, l = {}, 0
local parts = {}
for from = 0, doneCount - 1, CHUNK do
  local to = min(doneCount, from + CHUNK) - 1
  local some = {}
  for i = from, to do some[i - from + 1] = ARGV[doneAt + 2 * i] end
  local rows = redis.call('HMGET', META, unpack(some))
  for i = from, to do
    local row = rows[i - from + 1]
    if row then
      local state, flags, epoch, attempts, size = struct.unpack('>BBI4I4I2', row)
      if flags ~= 0 or state ~= LEASED or struct.unpack('>d', row, 51) > 0 then
        l = l + 1
        long[l] = i
      elseif epoch == tonumber(ARGV[doneAt + 2 * i + 1]) and string.sub(row, -size) == worker then
        local q = struct.unpack('s', row, 103)
        local part = parts[q]
        if not part then
          part = {}
          parts[q] = part
        end
        part[#part + 1] = some[i - from + 1]
        s = s + 1
        settled[s] = i + 1
      end
    end
  end
end
for q, part in pairs(parts) do
  many('ZREM', P .. 'lease:' .. q, part)
  many('ZREM', P .. 'ids:' .. q, part)
  many('HDEL', META, part)
  many('HDEL', BODY, part)
end

for i = 1, l do n = n + 1 ids[n] = ARGV[doneAt + 2 * long[i]] end
if n > 0 then read(ids) end
for _, i in ipairs(long) do
  local id = ARGV[doneAt + 2 * i]
  local t = held(id, ARGV[doneAt + 2 * i + 1])
  if t then
    s = s + 1
    settled[s] = i + 1
    leave(id, t)
    finish(id, t, COMPLETED, t[KEEP_COMPLETED])
  end
end
local place = doneCount
for i = otherAt, #ARGV, 6 do
  place = place + 1
  local id, outcome, wait, text = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 4]), ARGV[i + 5]
  local t = held(id, ARGV[i + 1])
  if t then
    s = s + 1
    settled[s] = place
    leave(id, t)
    t[UNTIL] = 0
    if outcome == 'c' then
      if t[KEEP_COMPLETED] > 0 then
        redis.call('HSET', RESULT, id, text)
        mark(t, HAS_RESULT)
      end
      finish(id, t, COMPLETED, t[KEEP_COMPLETED])
    elseif outcome == 'd' then
      note(id, t, text)
      finish(id, t, DEAD, t[KEEP_DEAD])
    else
      t[HOLDER] = ''
      if outcome == 'r' then note(id, t, text) else t[ATTEMPTS] = t[ATTEMPTS] - 1 end
      t[RUN] = math.ceil(ARGV[i + 3] == '1' and wait or now + wait)
      enter(id, t, t[RUN] <= now and READY or SCHEDULED)
    end
  end
end

local extended, x = {}, 0
for i = 0, extendCount - 1 do
  local id = ARGV[extendAt + 2 * i]
  local t = held(id, ARGV[extendAt + 2 * i + 1])
  if t then
    x = x + 1
    extended[x] = i + 1
    leave(id, t)
    t[UNTIL] = now + lease
    enter(id, t, LEASED)
  end
end
flush()

-- Makes what is due ready.
local function promote(q)
  local sched = P .. 'sched:' .. q
  local due = redis.call('ZRANGEBYSCORE', sched, '-inf', now, 'LIMIT', 0, 1000)
  if #due == 0 then return end
  read(due)
  for i = 1, #due do
    local t = tasks[due[i]]
    if t then
      leave(due[i], t)
      enter(due[i], t, READY)
    else
      zput(sched, due[i], false)
    end
  end
  flush()
end

local claimed, c = {}, 0
local function give(id, t, body)
  claimed[c + 1], claimed[c + 2], claimed[c + 3], claimed[c + 4] = id, body, t[QUEUE], t[EPOCH]
  claimed[c + 5], claimed[c + 6], claimed[c + 7] = t[ATTEMPTS], t[PRIORITY], t[MAX]
  claimed[c + 8], claimed[c + 9] = t[ADDED], t[RUN]
  c = c + 9
end

-- Leases tasks taken from the ready ones, without taking them apart.
local leased = struct.pack('>dd', now + lease, now)
local size, deadline = #worker, string.format('%.0f', now + lease)
local function claim(q, some, count)
  local metas, leases, m = {}, {}, 0
  for from = 1, count, CHUNK do
    local to = min(count, from + CHUNK - 1)
    local rows = redis.call('HMGET', META, unpack(some, from, to))
    local bodies = redis.call('HMGET', BODY, unpack(some, from, to))
    for i = 1, to - from + 1 do
      local row, id = rows[i], some[from + i - 1]
      if row then
        local _, flags, epoch, attempts, holder, _, _, max, priority, added, run = struct.unpack('>BBI4I4I2ddI4hdd', row)
        epoch, attempts = epoch + 1, attempts + 1
        metas[m + 1] = id
        metas[m + 2] = struct.pack('>BBI4I4I2', LEASED, flags, epoch, attempts, size) .. leased
          .. string.sub(row, 29, -1 - holder) .. worker
        leases[m + 1] = deadline
        leases[m + 2] = id
        m = m + 2
        claimed[c + 1], claimed[c + 2], claimed[c + 3], claimed[c + 4] = id, bodies[i], q, epoch
        claimed[c + 5], claimed[c + 6], claimed[c + 7] = attempts, priority, max
        claimed[c + 8], claimed[c + 9] = added, run
        c = c + 9
        limit = limit - 1
      end
    end
  end
  if m == 0 then return end
  many('HSET', META, metas)
  many('ZADD', P .. 'lease:' .. q, leases)
end

local last = P .. 'last:' .. worker
local memo = redis.call('GET', last)
if memo and answered ~= '' then
  -- The answer to an exchange was lost, with the claims in it: they are given again, not others in their place.
  local owner, list = string.match(memo, '^(%S+) (.*)$')
  local from = string.match(answered, '^[^.]*')
  if owner ~= answered and string.match(owner, '^[^.]*') == from then
    local again = {}
    for id in string.gmatch(list, '(%S+) %d+') do again[#again + 1] = id end
    read(again)
    for id, epoch in string.gmatch(list, '(%S+) (%d+)') do
      local t = held(id, epoch)
      if t and t[STATE] == LEASED and limit > 0 then
        give(id, t, redis.call('HGET', BODY, id))
        limit = limit - 1
      end
    end
  end
end

local dueNext = false
for i = 7, 6 + queues do
  local q = ARGV[i]
  local ready, sched = P .. 'ready:' .. q, P .. 'sched:' .. q
  local due = redis.call('ZRANGE', sched, 0, 0, 'WITHSCORES')[2]
  if due and tonumber(due) <= now and tonumber(ARGV[5]) > 0 then
    promote(q)
    due = redis.call('ZRANGE', sched, 0, 0, 'WITHSCORES')[2]
  end
  if due and (not dueNext or tonumber(due) < dueNext) then dueNext = tonumber(due) end
  if limit > 0 and not redis.call('HGET', P .. 'q:' .. q, 'paused') then
    local popped = redis.call('ZPOPMIN', ready, limit)
    local count = #popped / 2
    if count > 0 then
      local claims = {}
      for j = 1, count do claims[j] = string.sub(popped[2 * j - 1], 17) end
      claim(q, claims, count)
    end
  end
end
if c > 0 then
  local list = {token}
  for i = 1, c, 9 do
    list[#list + 1] = claimed[i]
    list[#list + 1] = claimed[i + 3]
  end
  redis.call('SET', last, table.concat(list, ' '), 'PX', math.ceil(3 * lease))
end
wakeAll()
return {now, settled, extended, claimed, dueNext or false}
`;
