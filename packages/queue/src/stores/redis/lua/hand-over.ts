/*
 * A worker that waits at its queues is parked: each of them has it in :parked:<queue>, a sorted set with the time until
 * which it is, and the hash :park:<worker> tells the exchange that parked it (token), for how many tasks more (left), the
 * length of its leases and its queues (JSON). What is handed over to it is published on :hand:<worker> as JSON of [token,
 * number of the message from 1, claims], and kept in the list :handed:<worker>, a text each: when the worker asks next,
 * it says how many it has heard, and is given the others.
 */

/**
 * Ends it, in an exchange. `heard`: for each token that may have parked the worker a space, it, =, and how many messages
 * came. Gives the claims again that it has not heard of.
 */
export const UNPARK = `
if heard ~= '' then
  local key, handed = P .. 'park:' .. worker, P .. 'handed:' .. worker
  local was = redis.call('HMGET', key, 'token', 'queues')
  if was[1] then
    for _, q in ipairs(cjson.decode(was[2])) do redis.call('ZREM', P .. 'parked:' .. q, worker) end
    local _, at = string.find(heard, ' ' .. was[1] .. '=', 1, true)
    local lost = at and redis.call('LRANGE', handed, string.match(heard, '^%d+', at + 1), -1) or {}
    redis.call('DEL', key, handed)
    if #lost > 0 then long().again(' ' .. table.concat(lost, ' ')) end
  end
end
`;

/** Begins it, in an exchange that claimed less than it asked for. */
export const PARK = `
if park == '1' and limit > 0 then
  local key, at = P .. 'park:' .. worker, {}
  for i = 9, 8 + queueCount do
    at[i - 8] = ARGV[i]
    redis.call('ZADD', P .. 'parked:' .. ARGV[i], string.format('%d', now + lease), worker)
  end
  redis.call('HSET', key, 'token', token, 'left', limit, 'lease', ARGV[2], 'queues', cjson.encode(at))
  redis.call('PEXPIRE', key, math.ceil(3 * lease))
end
`;

/** Whether a message reaches anybody. The user of a server may be allowed neither to ask nor to publish. */
const IS_HEARD = `
local function isHeard(channel)
  local allowed = redis.acl_check_cmd
  if allowed and not allowed('PUBLISH', channel, '') then return false end
  return (redis.pcall('PUBSUB', 'NUMSUB', channel)[2] or 0) > 0
end
`;

/** In an enqueue, made only where a worker is parked. */
export const HAND_OVER: string = `${IS_HEARD}
-- Leases what is ready in a queue to the workers that are parked there.
local function handOver(q)
  local parked = P .. 'parked:' .. q
  redis.call('ZREMRANGEBYSCORE', parked, '-inf', now)
  while true do
    worker = redis.call('ZREVRANGE', parked, 0, 0)[1]
    if not worker then return end
    local key, channel, handed = P .. 'park:' .. worker, P .. 'hand:' .. worker, P .. 'handed:' .. worker
    local row = redis.call('HMGET', key, 'token', 'left', 'lease', 'queues')
    limit, lease, segments, given = tonumber(row[2] or 0), tonumber(row[3] or 0), {}, {}
    -- One that does not listen is gone, or will ask when it is back.
    if not isHeard(channel) then limit = 0 end
    if limit > 0 then
      claimFrom(q)
      flush()
      if #given == 0 then return end
      local number = redis.call('RPUSH', handed, table.concat(given, ' '))
      redis.call('PEXPIRE', handed, math.ceil(3 * lease))
      redis.call('HSET', key, 'left', limit)
      redis.pcall('PUBLISH', channel, cjson.encode({row[1], number, segments}))
    end
    -- There is nothing left for others.
    if limit > 0 then return end
    for _, other in ipairs(row[4] and cjson.decode(row[4]) or {q}) do
      redis.call('ZREM', P .. 'parked:' .. other, worker)
    end
  end
end
`;

/**
 * The short way for a single plain task that is alone in its queue, where that has no limits and no groups. Gives
 * `channel` and `message` when the task is leased to the worker that was parked last.
 */
export const HAND_OVER_ONE: string = `
if parked[1] and tonumber(parked[2]) > now then
  local worker = parked[1]
  ${IS_HEARD}
  local special = redis.call('HMGET', key, 'paused', 'limits', 'rate', 'fair', 'gone')
  local park = redis.call('HMGET', P .. 'park:' .. worker, 'token', 'left', 'lease', 'queues')
  local left = tonumber(park[2] or 0)
  channel = P .. 'hand:' .. worker
  if left > 0 and not (special[1] or special[2] or special[3] or special[4] or special[5])
    and isHeard(channel) then
    local lease, handed = tonumber(park[3]), P .. 'handed:' .. worker
    redis.call('LPOP', P .. 'fifo:' .. q)
    redis.call('HSET', LEASES, id, struct.pack('>dddI2c0I2c0', now + lease, now, tonumber(string.match(ARGV[3], '(%d+),%d+$')),
      #worker, worker, #q, q) .. ARGV[2])
    redis.call('ZADD', P .. 'lease:' .. q, string.format('%d', now + lease), id)
    local number = redis.call('RPUSH', handed, id)
    redis.call('PEXPIRE', handed, math.ceil(3 * lease))
    redis.call('HSET', P .. 'park:' .. worker, 'left', left - 1)
    if left == 1 then
      for _, other in ipairs(cjson.decode(park[4])) do redis.call('ZREM', P .. 'parked:' .. other, worker) end
    end
    texts = texts .. '\\0task.started\\0' .. q .. '\\0' .. id .. '\\0' .. ARGV[2] .. '\\0001\\0'
    eventCount = 2
    message = cjson.encode({park[1], number, {{id}, {row}}})
  end
end
`;
