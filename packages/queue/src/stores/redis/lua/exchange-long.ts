/**
 * The long way of an exchange: tasks that are not plain, leases that end otherwise than completed, and claims where there
 * is more to think of.
 */
export const EXCHANGE_LONG = `
-- The task under this lease, or under this lease until it lapsed.
local function held(id, epoch)
  local t = tasks[id]
  if t and t[EPOCH] == tonumber(epoch) and t[HOLDER] == worker and (t[STATE] == LEASED or t[STATE] == READY) then
    return t
  end
end

-- Ends a lease. A task that was to be cancelled is, whatever its holder says.
local function settle(place, id, epoch, outcome, absolute, wait, text)
  local t = held(id, epoch)
  if not t then
    stale[#stale + 1] = place
    return
  end
  if outcome == 'r' or outcome == 'd' then note(id, t, text) end
  if has(t, CANCEL) then
    cancelled[#cancelled + 1] = place
    return finish(id, t, CANCELLED)
  end
  if outcome == 'c' or outcome == 'n' then
    if outcome == 'c' and (t[KEEP_COMPLETED] > 0 or hasLiveParent(t)) then
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
  extended[#extended + 1] = has(t, CANCEL) and -place or place
end

-- What the request says of tasks, but for those that the short way has settled.
local function settleRest()
  local ids, n = {}, 0
  for i = 0, extendCount - 1 do ids[i + 1] = ARGV[extendAt + 3 * i] end
  n = extendCount
  for i = otherAt, #ARGV, 6 do
    n = n + 1
    ids[n] = ARGV[i]
  end
  for i = 1, #rest do ids[n + i] = ARGV[doneAt + rest[i] - 1] end
  model()
  read(ids)
  for i = 1, #rest do settle(rest[i], ARGV[doneAt + rest[i] - 1], '1', 'n') end
  local place = doneCount
  for i = otherAt, #ARGV, 6 do
    place = place + 1
    settle(place, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3] == '1', tonumber(ARGV[i + 4]), ARGV[i + 5])
  end
  for i = 0, extendCount - 1 do
    extend(i + 1, ARGV[extendAt + 3 * i], ARGV[extendAt + 3 * i + 1], ARGV[extendAt + 3 * i + 2])
  end
  flush()
end

local values
local function give(id, body, q, epoch, attempts, priority, most, added, run, more)
  if not values or segments[#segments] ~= values then
    values = {}
    segments[#segments + 1], segments[#segments + 2] = 0, values
  end
  local c = #values
  values[c + 1], values[c + 2], values[c + 3], values[c + 4] = id, body, q, epoch
  values[c + 5], values[c + 6], values[c + 7] = attempts, priority, most
  values[c + 8], values[c + 9], values[c + 10] = added, run, more
  given[#given + 1] = epoch == 1 and id or id .. ':' .. epoch
  limit = limit - 1
end

-- Leases tasks that are not plain; those of no group, children or parents without taking them apart.
local leased = struct.pack('>dd', now + lease, now)
local size = #worker
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

-- The answer to an exchange was lost, with the claims in it: they are given again, not others in their place.
local function again(list)
  for id, epoch in string.gmatch(list, ' ([^ :]+):?(%d*)') do
    task(id)
    local t = held(id, epoch == '' and 1 or epoch)
    if t and t[STATE] == LEASED and limit > 0 then
      give(id, bodyOf(id, t), t[QUEUE], t[EPOCH], t[ATTEMPTS], t[PRIORITY], t[MAX], t[ADDED], t[RUN], t[MORE])
    end
  end
end

-- Those of the list of a queue that are still there.
local function listed(q, ids)
  local s = queueOf(q)
  if s.gone == 0 and not s.fair then return ids end
  local some, tag = {}, false
  gone[q] = gone[q] or 0 -- counted again even so: these may have been the last
  read(ids)
  for i = 1, #ids do
    local t = tasks[ids[i]]
    if t and t.listed and t[QUEUE] == q then
      some[#some + 1] = ids[i]
      tag = t[PLACE]
    else
      gone[q] = (gone[q] or 0) - 1
    end
    tasks[ids[i]] = nil
  end
  return some, tag
end

-- Takes the next of both kinds, in their order: at most a number of them, plain ones apart from the others.
local function takeNext(q, most)
  local list, set = P .. 'fifo:' .. q, P .. 'ready:' .. q
  if redis.call('EXISTS', list) == 0 then return redis.call('ZPOPMIN', set, most) end
  if redis.call('EXISTS', set) == 0 then return {}, redis.call('LPOP', list, most) end
  -- Where both have some, up to the first of the other kind.
  local ids = redis.call('LRANGE', list, 0, min(most, 50) - 1)
  read(ids)
  local first = 1
  while first <= #ids do
    local t = tasks[ids[first]]
    if t and t.listed and t[QUEUE] == q then break end
    first = first + 1
  end
  if first > 1 then return {}, redis.call('LPOP', list, first - 1) end
  local place = tasks[ids[1]][PLACE]
  local others = redis.call('ZRANGE', set, 0, min(most, 50) - 1, 'WITHSCORES')
  local k = 0
  while others[2 * k + 1] do
    local score = tonumber(others[2 * k + 2])
    if score > 0 or (score == 0 and string.sub(others[2 * k + 1], 1, 16) > place) then break end
    k = k + 1
  end
  if k > 0 then return redis.call('ZPOPMIN', set, k) end
  local head, n = others[1], 1
  if tonumber(others[2]) > 0 then n = #ids
  else
    while ids[n + 1] do
      local t = tasks[ids[n + 1]]
      if t and t.listed and t[QUEUE] == q and t[PLACE] > string.sub(head, 1, 16) then break end
      n = n + 1
    end
  end
  return {}, redis.call('LPOP', list, n)
end

-- Claims from a queue that has limits, groups, or tasks that are not plain.
local function claimFrom(q)
  local s = queueOf(q)
  local most = s.paused and 0 or limit
  if most > 0 and s.limits.concurrency then
    most = min(most, s.limits.concurrency - redis.call('ZCARD', P .. 'lease:' .. q))
  end
  if most > 0 and s.limits.rate then
    s.rate = windowOf(s.rate, s.limits.rate)
    most = min(most, s.limits.rate.max - used(s.rate))
  end
  -- Again, as long as there are some of another kind, or claims let more of their groups in.
  while most > 0 do
    local popped, plain = takeNext(q, min(most, CHUNK))
    local count = #popped / 2
    if plain then
      local tag
      plain, tag = listed(q, plain)
      saveGone()
      count = #plain
      if count > 0 then
        if s.fair then s.vtime = max(s.vtime, (struct.unpack('>d', tag))) end
        if s.rate then spend(s.rate, count) end
        claimPlain(q, plain)
      end
    else
      if count == 0 then break end
      local claims = {}
      for j = 1, count do
        claims[j] = string.sub(popped[2 * j - 1], 17)
        if s.fair then s.vtime = max(s.vtime, (struct.unpack('>d', popped[2 * j - 1]))) end
      end
      if s.rate then spend(s.rate, count) end
      claim(q, claims, count)
      flush()
    end
    most = most - count
  end
end

full = {settle = settleRest, again = again, promote = promote, due = dueNext, claim = claimFrom, save = saveAll}
return full
`;
