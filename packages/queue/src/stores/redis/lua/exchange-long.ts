/**
 * The long way of an exchange: tasks that are not plain, leases that end otherwise than completed, and claims that got
 * lost.
 */
export const EXCHANGE_LONG = `
-- The task under this lease, or under this lease until it lapsed.
local function held(id, epoch)
  local t = tasks[id]
  if t and t[EPOCH] == tonumber(epoch) and t[HOLDER] == worker and t[STATE] <= LEASED then return t end
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
  local lapsed = t[STATE] ~= LEASED
  local most = lapsed and queueOf(q).limits.concurrency
  if most then
    flush()
    if redis.call('ZCARD', P .. 'lease:' .. q) >= most then return end
  end
  t[UNTIL] = now + lease
  t[RUN] = min(t[RUN], now) -- one that lapsed may have waited for the rate of its group
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
  local at, first = resultsAt, 1
  for i = 1, #rest do
    while rest[i] >= first + tonumber(ARGV[at]) do
      first = first + tonumber(ARGV[at])
      at = at + 2
    end
    local result = ARGV[at + 1]
    local outcome = result == '' and 'n' or 'c'
    settle(rest[i], ARGV[doneAt + rest[i] - 1], '1', outcome, false, 0, string.sub(result, 2))
  end
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

-- Claims that got lost on the way to the worker are given again, not others in their place. Some got lost twice.
local repeated = {}
local function again(list)
  for id, epoch in string.gmatch(list, ' ([^ :]+):?(%d*)') do
    task(id)
    local t = held(id, epoch == '' and 1 or epoch)
    if t and t[STATE] == LEASED and not repeated[id] then
      repeated[id] = true
      give(id, bodyOf(id, t), t[QUEUE], t[EPOCH], t[ATTEMPTS], t[PRIORITY], t[MAX], t[ADDED], t[RUN], t[MORE])
    end
  end
end

full = {settle = settleRest, again = again, promote = promote, due = dueNext, claim = claimFrom, save = saveAll}
return full
`;
