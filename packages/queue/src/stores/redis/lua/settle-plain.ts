/**
 * The short way to settle, for what is most of the work: plain tasks that completed at their first attempt. What is kept
 * of one stays as it is: `:leases` says that it is done, in a text that all tasks of one claim share, and `:kept:` has
 * it among those that expire with it. Gives `rest`, the places of those that are not plain or not this worker's.
 */
export const SETTLE_PLAIN = `
local rest, restCount = {}, 0
-- By lease: tasks of one claim and one head have the same. By queue: those that go. By queue and name: all of them.
local infos, drops, parts = {}, {}, {}
-- Those that stay: ids and what is said of them, ids and results; by keep time and queue, then by what is said.
local dones, d, results, kept = {}, 0, {}, {}
local resultAt, resultLeft, result = resultsAt, 0, ''
for from = 1, doneCount, CHUNK do
  local to = min(doneCount, from + CHUNK - 1)
  local ids = {unpack(ARGV, doneAt + from - 1, doneAt + to - 1)}
  local leases = redis.call('HMGET', LEASES, unpack(ids))
  local last, info = nil, nil
  for i = 1, #ids do
    local text = leases[i]
    if resultLeft == 0 then
      resultLeft, result = tonumber(ARGV[resultAt]), ARGV[resultAt + 1]
      resultAt = resultAt + 2
    end
    resultLeft = resultLeft - 1
    if text ~= last then
      last, info = text, text and infos[text]
      if text and not info then
        info = {n = 0}
        infos[text] = info
        if string.byte(text) ~= DONE then
          local _, since, keep, holder, q, at = struct.unpack('>dddI2c0I2c0', text)
          local name = string.sub(text, at)
          local names = parts[q] or {}
          parts[q] = names
          local part = names[name] or {}
          names[name] = part
          info.ran, info.part, info.mine = max(0, now - since), part, holder == worker
          if keep > 0 then
            local member = string.format('%.0f:', keep) .. q
            info.kept = kept[member] or {q = q, keep = keep, n = 0, texts = {}}
            kept[member] = info.kept
            info.done = struct.pack('>BBddI2c0', DONE, 0, since, now, #worker, worker)
          else
            info.drops = drops[q] or {}
            drops[q] = info.drops
          end
        end
      end
    end
    if info and info.mine then
      local id, part, k = ids[i], info.part, info.kept
      info.n = info.n + 1
      part[#part + 1] = id
      if k then
        local done = info.done
        if result ~= '' then
          done = string.char(DONE, HAS_RESULT) .. string.sub(done, 3)
          results[#results + 1] = id
          results[#results + 1] = string.sub(result, 2)
        end
        local same = k.texts[done]
        if not same then
          same = {}
          k.texts[done] = same
        end
        same[#same + 1] = id
        dones[d + 1], dones[d + 2] = id, done
        d = d + 2
      else
        info.drops[#info.drops + 1] = id
      end
    else
      restCount = restCount + 1
      rest[restCount] = from + i - 1
    end
  end
end
for _, info in pairs(infos) do
  if info.n > 0 then
    local part, k = info.part, info.kept
    part.ran = (part.ran or 0) + info.n * info.ran
    part.longest = max(part.longest or 0, info.ran)
    if k then k.n = k.n + info.n end
  end
end
for q, ids in pairs(drops) do
  if #ids > 0 then
    many('HDEL', META, ids)
    many('HDEL', LEASES, ids)
    if queueOf(q).indexed then many('ZREM', P .. 'ids:' .. q, ids) end
  end
end
if d > 0 then many('HSET', LEASES, dones) end
if #results > 0 then many('HSET', P .. 'result', results) end
for member, k in pairs(kept) do
  local size, pushed = 0, 0
  for text, ids in pairs(k.texts) do
    pushed = pushed + 1
    size = redis.call('RPUSH', P .. 'kept:' .. member, text .. table.concat(ids, ' '))
  end
  if pushed > 0 then
    redis.call('HINCRBY', P .. 'q:' .. k.q, 'kept', k.n)
    if size == pushed then
      redis.call('SADD', P .. 'keeps:' .. k.q, member)
      redis.call('ZADD', P .. 'keptexpiry', string.format('%.0f', now + k.keep), member)
    end
  end
end
for q, names in pairs(parts) do
  for name, part in pairs(names) do
    local n = #part
    if n > 0 then
      many('ZREM', P .. 'lease:' .. q, part)
      event('+task.completed', q, table.concat(part, ' '), name, '1', '', n)
      tally(q, 'completed', n)
      tally(q, 'runMs', part.ran)
      tallyMax(q, 'runMaxMs', part.longest)
      ended[q] = true
      if queueOf(q).limits.concurrency then woken[q] = true end
    end
  end
end
`;
