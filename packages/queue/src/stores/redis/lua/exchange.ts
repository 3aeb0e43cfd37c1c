/**
 * ARGV: worker, lease in ms, token of this exchange, token of the last one that was answered ('' when unknown), most
 * tasks to claim, number of queues, the queues; number of leases to extend, then id, epoch and progress ('' for none) of each; number of leases
 * completed without a result, then id and epoch of each; then id, epoch, outcome ('c', 'r', 'd' or 'b'), '1' when the
 * next is absolute, delay or time, and result or history entry of each of the others.
 *
 * Returns: now, the places of what was settled, the places of what was extended (negative where it is to be cancelled),
 * claimed tasks, next due, the places of what ended as cancelled.
 */
export const EXCHANGE = `
local worker, lease, token, answered = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local limit, queueCount = tonumber(ARGV[5]), tonumber(ARGV[6])
local extendAt = 8 + queueCount
local extendCount = tonumber(ARGV[extendAt - 1])
local doneAt = extendAt + 3 * extendCount + 1
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
  ids[n] = ARGV[extendAt + 3 * i]
end
for i = otherAt, #ARGV, 6 do
  n = n + 1
  ids[n] = ARGV[i]
end

local settled, s = {}, 0
local cancelled = {}

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
      local state, flags, epoch, _, size, _, started = struct.unpack('>BBI4I4I2dd', row)
      if flags ~= 0 or state ~= LEASED or struct.unpack('>d', row, AT_KEEP) > 0 then
        l = l + 1
        long[l] = i
      elseif epoch == tonumber(ARGV[doneAt + 2 * i + 1]) and string.sub(row, -size) == worker then
        local q, name = struct.unpack('ss', row, AT_TEXTS)
        local part = parts[q]
        if not part then
          part = {ids = {}, n = 0, ran = 0, longest = 0}
          parts[q] = part
        end
        local n, ran = part.n + 1, now - started
        part.n = n
        part.ids[n] = some[i - from + 1]
        part.ran = part.ran + ran
        if ran > part.longest then part.longest = ran end
        event('task.completed', q, some[i - from + 1], name, epoch)
        s = s + 1
        settled[s] = i + 1
      end
    end
  end
end
for q, part in pairs(parts) do
  many('ZREM', P .. 'lease:' .. q, part.ids)
  many('ZREM', P .. 'ids:' .. q, part.ids)
  many('HDEL', META, part.ids)
  many('HDEL', BODY, part.ids)
  tally(q, 'completed', part.n)
  tally(q, 'runMs', max(0, part.ran))
  tallyMax(q, 'runMaxMs', part.longest)
  ended[q] = true
  if queueOf(q).limits.concurrency then woken[q] = true end
end

for i = 1, l do
  n = n + 1
  ids[n] = ARGV[doneAt + 2 * long[i]]
end
if n > 0 then
  model()
  read(ids)
end

-- Ends a lease. A task that was to be cancelled is, whatever its holder says.
local function settle(place, id, epoch, outcome, absolute, wait, text)
  local t = held(id, epoch)
  if not t then return end
  s = s + 1
  settled[s] = place
  if outcome == 'r' or outcome == 'd' then note(id, t, text) end
  if has(t, CANCEL) then
    cancelled[#cancelled + 1] = place
    return finish(id, t, CANCELLED)
  end
  if outcome == 'c' then
    if text and (t[KEEP_COMPLETED] > 0 or hasLiveParent(t)) then
      redis.call('HSET', RESULT, id, text)
      mark(t, HAS_RESULT)
    end
    tallyRun(t, 'completed')
    return finish(id, t, COMPLETED)
  end
  if outcome == 'd' then
    tallyRun(t, 'dead')
    return finish(id, t, DEAD)
  end
  t[HOLDER] = ''
  t[UNTIL] = 0
  t[RUN] = math.ceil(absolute and wait or now + wait)
  if outcome == 'r' then tallyRun(t, 'failed') else t[ATTEMPTS] = t[ATTEMPTS] - 1 end
  event(outcome == 'r' and 'task.failed' or 'task.released', t[QUEUE], id, t[NAME], t[EPOCH])
  arrive(id, t)
  if t[RUN] > now and not (t.more and t.more.strict) then freeSlot(t) end
end
for _, i in ipairs(long) do settle(i + 1, ARGV[doneAt + 2 * i], ARGV[doneAt + 2 * i + 1], 'c') end
local place = doneCount
for i = otherAt, #ARGV, 6 do
  place = place + 1
  settle(place, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3] == '1', tonumber(ARGV[i + 4]), ARGV[i + 5])
end

local extended, x = {}, 0
local function extend(place, id, epoch, progress)
  local t = held(id, epoch)
  if not t then return end
  local q = t[QUEUE]
  local lapsed = t[STATE] == READY
  local most = lapsed and queueOf(q).limits.concurrency
  if most then
    flush()
    if redis.call('ZCARD', P .. 'lease:' .. q) >= most then return end
  end
  t[UNTIL] = now + lease
  move(id, t, LEASED)
  if lapsed and inGroup(t) then admit(q, t.more.g) end
  if progress ~= '' then
    redis.call('HSET', PROGRESS, id, progress)
    mark(t, HAS_PROGRESS)
    event('task.progress', q, id, t[NAME], t[EPOCH], progress)
  end
  x = x + 1
  extended[x] = has(t, CANCEL) and -place or place
end
for i = 0, extendCount - 1 do
  extend(i + 1, ARGV[extendAt + 3 * i], ARGV[extendAt + 3 * i + 1], ARGV[extendAt + 3 * i + 2])
end
flush()

local claimed, c = {}, 0
local function give(id, body, q, epoch, attempts, priority, most, added, run, more)
  claimed[c + 1], claimed[c + 2], claimed[c + 3], claimed[c + 4] = id, body, q, epoch
  claimed[c + 5], claimed[c + 6], claimed[c + 7] = attempts, priority, most
  claimed[c + 8], claimed[c + 9], claimed[c + 10] = added, run, more
  c = c + 10
  limit = limit - 1
end

-- Leases tasks taken from the ready ones; those that are nothing special without taking them apart.
local leased = struct.pack('>dd', now + lease, now)
local size, deadline = #worker, string.format('%.0f', now + lease)
local function claim(q, some, count)
  local metas, leases, m, waited, longest = {}, {}, 0, 0, 0
  for from = 1, count, CHUNK do
    local to = min(count, from + CHUNK - 1)
    local rows = redis.call('HMGET', META, unpack(some, from, to))
    local bodies = redis.call('HMGET', BODY, unpack(some, from, to))
    for i = 1, to - from + 1 do
      local row, id = rows[i], some[from + i - 1]
      if row then
        local _, flags, epoch, attempts, holder, _, _, most, priority, added, run = struct.unpack('>BBI4I4I2ddI4hdd', row)
        local name = struct.unpack('s', row, AT_TEXTS + 1 + #q)
        epoch, attempts = epoch + 1, attempts + 1
        local late = now - run
        if late > 0 then
          waited = waited + late
          if late > longest then longest = late end
        end
        local more = ''
        if bit.band(flags, HAS_MORE) ~= 0 then
          model()
          local t = task(id)
          t[EPOCH], t[ATTEMPTS], t[HOLDER], t[STARTED], t[UNTIL] = epoch, attempts, worker, now, now + lease
          more = t[MORE]
          move(id, t, LEASED)
          if inGroup(t) then
            local g = groupOf(q, t.more.g)
            if g and g.rate then
              spend(g.rate, 1)
              admit(q, t.more.g)
            end
          end
        else
          metas[m + 1] = id
          metas[m + 2] = struct.pack('>BBI4I4I2', LEASED, flags, epoch, attempts, size) .. leased
            .. string.sub(row, AT_REST, -1 - holder) .. worker
          leases[m + 1] = deadline
          leases[m + 2] = id
          m = m + 2
        end
        event('task.started', q, id, name, epoch)
        give(id, bodies[i], q, epoch, attempts, priority, most, added, run, more)
      end
    end
  end
  if m > 0 then
    many('HSET', META, metas)
    many('ZADD', P .. 'lease:' .. q, leases)
  end
  tally(q, 'started', count)
  tally(q, 'waitMs', waited)
  tallyMax(q, 'waitMaxMs', longest)
end

local last = P .. 'last:' .. worker
local memo = redis.call('GET', last)
if memo and answered ~= '' then
  -- The answer to an exchange was lost, with the claims in it: they are given again, not others in their place.
  local owner, list = string.match(memo, '^(%S+) (.*)$')
  local store, number = string.match(owner, '^(.*)%.(%d+)$')
  local same, seen = string.match(answered, '^(.*)%.(%d+)$')
  if store == same and tonumber(number) > tonumber(seen) then
    for id, epoch in string.gmatch(list, '(%S+) (%d+)') do
      task(id)
      local t = held(id, epoch)
      if t and t[STATE] == LEASED and limit > 0 then
        give(id, redis.call('HGET', BODY, id), t[QUEUE], t[EPOCH], t[ATTEMPTS], t[PRIORITY], t[MAX], t[ADDED], t[RUN],
          t[MORE])
      end
    end
  end
end

local dueFirst = false
for i = 7, 6 + queueCount do
  local q = ARGV[i]
  local s = queueOf(q)
  if tonumber(ARGV[5]) > 0 then
    local due = dueNext(q)
    if due and due <= now then promote(q) end
  end
  local most = s.paused and 0 or limit
  if most > 0 and s.limits.concurrency then
    most = min(most, s.limits.concurrency - redis.call('ZCARD', P .. 'lease:' .. q))
  end
  if most > 0 and s.limits.rate then
    s.rate = windowOf(s.rate, s.limits.rate)
    most = min(most, s.limits.rate.max - used(s.rate))
  end
  -- Again, as long as claims let more of their groups in.
  while most > 0 do
    local popped = redis.call('ZPOPMIN', P .. 'ready:' .. q, most)
    local count = #popped / 2
    if count == 0 then break end
    local claims = {}
    for j = 1, count do
      claims[j] = string.sub(popped[2 * j - 1], 17)
      if s.fair then s.vtime = max(s.vtime, (struct.unpack('>d', popped[2 * j - 1]))) end
    end
    if s.rate then spend(s.rate, count) end
    claim(q, claims, count)
    flush()
    most = s.fair and most - count or 0
  end
  local due = dueNext(q)
  if due and (not dueFirst or due < dueFirst) then dueFirst = due end
end
if c > 0 then
  local list = {token}
  for i = 1, c, 10 do
    list[#list + 1] = claimed[i]
    list[#list + 1] = claimed[i + 3]
  end
  redis.call('SET', last, table.concat(list, ' '), 'PX', math.ceil(3 * lease))
end
finishCall()
return {now, settled, extended, claimed, dueFirst, cancelled}
`;
