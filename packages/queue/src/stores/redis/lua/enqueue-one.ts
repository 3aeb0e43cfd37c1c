import { CLAIM_PLAIN, CLAIMS } from './claims.js';
import { FINISH } from './finish.js';
import { GROUPS } from './groups.js';
import { HAND_OVER, HAND_OVER_ONE } from './hand-over.js';
import { IS_AFTER, STATE, TAIL, TOOLS } from './head.js';
import { PRELUDE } from './prelude.js';
import { QUEUES } from './queues.js';
import { TASKS } from './tasks.js';

const WHOLE = [TOOLS, PRELUDE, QUEUES, GROUPS, TASKS, FINISH, CLAIM_PLAIN, CLAIMS, HAND_OVER];

/**
 * A single plain task, with as few commands and functions as there can be. ARGV: queue, name, JSON of [queue, name, most
 * attempts, ms to keep it completed, dead but for its last bracket, JSON of [name, headers], id, `1 ` and the payload.
 * Returns 0 where the id is taken: ENQUEUE has to look at it then.
 */
export const ENQUEUE_ONE: string = `
${STATE}
local q, id = ARGV[1], ARGV[5]
local key = P .. 'q:' .. q
local settings = redis.call('HMGET', key, 'vtime', 'indexed')
local seq = redis.call('HINCRBY', key, 'seq', 1) - 1
local row = 'P' .. ARGV[3] .. string.format(',%d,%d,%s,%d]\\n', now, math.ceil(now), settings[1] or '0', seq)
  .. ARGV[4] .. '\\n' .. ARGV[6]
if redis.call('HSETNX', META, id, row) == 0 then
  -- Nothing came of it: a queue that is there for the first time is so again.
  if seq == 0 then redis.call('HDEL', key, 'seq') end
  return 0
end
if #id == 36 then
  ${IS_AFTER}
  local top = redis.call('SET', TOP, id, 'GET')
  if top then
    if isAfter(top, id) then redis.call('SET', TOP, top) end
  elseif redis.call('HLEN', META) > 1 then redis.call('DEL', TOP) end
end
local indexed = settings[2]
if seq == 0 then
  redis.call('SADD', P .. 'queues', q)
  indexed = redis.call('EXISTS', P .. 'indexed') == 1
  if indexed then redis.call('HSET', key, 'indexed', '1') end
end
if indexed then redis.call('ZADD', P .. 'ids:' .. q, 0, id) end
local size = redis.call('RPUSH', P .. 'fifo:' .. q, id)

-- Workers that have found nothing sleep: the first of what is ready wakes them, or goes to one that is parked.
local texts, eventCount = 'task.added\\0' .. q .. '\\0' .. id .. '\\0' .. ARGV[2] .. '\\0\\0', 1
local wakes = size == 1 and redis.call('EXISTS', P .. 'ready:' .. q) == 0
local parked = wakes and redis.call('ZREVRANGE', P .. 'parked:' .. q, 0, 0, 'WITHSCORES') or {}
local message, channel
${HAND_OVER_ONE}
local minute = P .. 'min:' .. string.format('%d', now - now % 60000) .. ':' .. q
if redis.call('HINCRBY', minute, 'added', 1) == 1 then redis.call('PEXPIRE', minute, 90000000) end
if message then redis.call('HINCRBY', minute, 'started', 1) end
local last = redis.call('INCRBY', P .. 'evseq', eventCount)
redis.call('XADD', P .. 'events', string.format('%d-0', last), string.format('%d %d', now, eventCount), texts)
if last % 500 < eventCount then redis.call('XTRIM', P .. 'events', 'MINID', '~', max(0, last - 10000)) end
if message then
  redis.pcall('PUBLISH', channel, message)
elseif parked[1] then
  eventCount = 0
  local worker, lease, limit, segments, given, joins
${WHOLE.join('\n')}
  handOver(q)
  saveAll()
  woken[q] = true
${TAIL}
elseif wakes then
  redis.pcall('PUBLISH', P .. 'wake:' .. q, q)
end
return 1
`;
