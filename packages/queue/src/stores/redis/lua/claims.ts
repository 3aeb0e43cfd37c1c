import { IS_AFTER } from './head.js';

/*
 * Claims, by an exchange or by an enqueue for a worker that is parked. Before them are set: worker, lease (ms), limit,
 * segments (ids and texts of plain tasks, or 0 and ten values each of others), given (ids, with a colon and the epoch
 * where that is not 1), joins (whether ids and texts of plain tasks may each be one text: the ids with spaces between
 * them; and an array of the texts with NUL between them and the numbers, from 1, of those with another head than the one
 * before).
 */

/** The short way. */
export const CLAIM_PLAIN = `
-- Leases plain tasks that were taken from the list of their queue: CHUNK at most.
local function claimPlain(q, ids)
  local n, rows = #ids, redis.call('HMGET', META, unpack(ids))
  for i = 1, n do
    if not rows[i] then
      table.remove(ids, i) -- something else than the scripts has been at work
      return #ids > 0 and claimPlain(q, ids) or nil
    end
  end
  local leases, deadlines, at, waited, longest = {}, {}, 0, 0, 0
  local all, joined, bytes = table.concat(ids, ' '), {false}, 0
  local deadline = string.format('%d', now + lease)
  -- What tasks of one kind have in common at the start of their first lines; a call's tasks have the whole line.
  local prefix, size, line, length, start, name, due, text = nil, 0, nil, 0, 1, nil, nil, nil
  local function ends(last)
    if last < start then return end
    local some = start == 1 and last == n and all or table.concat(ids, ' ', start, last)
    event('+task.started', q, some, name, '1', '', last - start + 1)
  end
  for i = 1, n do
    local row = rows[i]
    bytes = bytes + #row
    if string.sub(row, 1, length) ~= line then
      joined[#joined + 1] = i
      if string.sub(row, 1, size) ~= prefix then
        ends(i - 1)
        start = i
        line = string.sub(row, 1, string.find(row, '\\n', 1, true))
        prefix = string.match(line, '^(.*,)%d+,%d+,[^,]+,%d+%]\\n$')
        local head = cjson.decode(string.sub(line, 2, -2))
        size, name = #prefix, head[2]
        text = struct.pack('>dddI2c0I2c0', now + lease, now, head[4], #worker, worker, #q, q) .. name
      end
      due = tonumber(string.match(row, '^%d+,(%d+)', size + 1))
      length = string.find(row, '\\n', size, true)
      line = string.sub(row, 1, length)
    end
    local late = now - due
    if late > 0 then
      waited = waited + late
      if late > longest then longest = late end
    end
    leases[at + 1], leases[at + 2] = ids[i], text
    deadlines[at + 1], deadlines[at + 2] = deadline, ids[i]
    at = at + 2
  end
  ends(n)
  many('HSET', LEASES, leases)
  many('ZADD', P .. 'lease:' .. q, deadlines)
  -- Large ones are not put together: that would take the memory again.
  if joins and bytes < 1000000 then
    joined[1] = table.concat(rows, '\0')
    segments[#segments + 1], segments[#segments + 2] = all, joined
  else
    segments[#segments + 1], segments[#segments + 2] = ids, rows
  end
  given[#given + 1] = all
  ended[q] = nil -- so it is not drained
  limit = limit - n
  tally(q, 'started', n)
  tally(q, 'waitMs', waited)
  tallyMax(q, 'waitMaxMs', longest)
end
`;

/** Claims where there are limits, groups, or tasks that are not plain. */
export const CLAIMS: string = `
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
local function claim(q, some, count)
  local leased, size = struct.pack('>dd', now + lease, now), #worker
  local deadline = string.format('%d', now + lease)
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
          if t.more.start and epoch == 1 then freeKey(id, t, q) end
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

${IS_AFTER}
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
    if score > 0 or (score == 0 and isAfter(string.sub(others[2 * k + 1], 1, 16), place)) then break end
    k = k + 1
  end
  if k > 0 then return redis.call('ZPOPMIN', set, k) end
  local head, n = others[1], 1
  if tonumber(others[2]) > 0 then n = #ids
  else
    while ids[n + 1] do
      local t = tasks[ids[n + 1]]
      if t and t.listed and t[QUEUE] == q and isAfter(t[PLACE], string.sub(head, 1, 16)) then break end
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
`;
