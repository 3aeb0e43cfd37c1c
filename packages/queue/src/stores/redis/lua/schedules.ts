import { enqueueScript } from './enqueue.js';

/*
 * A schedule is kept as the JSON that the client made: the next run of a cron expression is worked out there. A change
 * names the JSON it was made from, and is refused when it is another by now.
 */

/** Returns the names of all. */
export const SCHEDULE_NAMES = `
return redis.call('HKEYS', P .. 'sch')
`;

/** ARGV: names. Returns now, and name, JSON and number of runs of each there is. */
export const SCHEDULES = `
local found = {}
for _, name in ipairs(ARGV) do
  local text = redis.call('HGET', P .. 'sch', name)
  if text then found[#found + 1] = {name, text, tonumber(redis.call('HGET', P .. 'schruns', name) or 0)} end
end
return {now, found}
`;

/** ARGV: most. Returns now, and name, JSON and runs of those that are due. */
export const DUE = `
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'schdue', '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do
  local text = redis.call('HGET', P .. 'sch', name)
  if text then found[#found + 1] = {name, text, 0} else redis.call('ZREM', P .. 'schdue', name) end
end
return {now, found}
`;

const KEEP = `
local function keep(name, text, due)
  if text == '' then
    redis.call('HDEL', P .. 'sch', name)
    redis.call('HDEL', P .. 'schruns', name)
    redis.call('ZREM', P .. 'schdue', name)
    return
  end
  redis.call('HSET', P .. 'sch', name, text)
  if due == '' then redis.call('ZREM', P .. 'schdue', name) else redis.call('ZADD', P .. 'schdue', due, name) end
end
local function same(name, text)
  return (redis.call('HGET', P .. 'sch', name) or '') == text
end
`;

/**
 * ARGV: how many; of each name, JSON it was, JSON it is to be ('' for none), next run or '', 1 where its runs count anew;
 * then the events: type, queue, id, who as JSON. Whether all were changed.
 */
export const SCHEDULE: string = `
${KEEP}
local last = 1 + 5 * tonumber(ARGV[1])
for i = 2, last, 5 do
  if not same(ARGV[i], ARGV[i + 1]) then return 0 end
end
for i = 2, last, 5 do
  keep(ARGV[i], ARGV[i + 2], ARGV[i + 3])
  if ARGV[i + 4] == '1' then redis.call('HDEL', P .. 'schruns', ARGV[i]) end
end
for i = last + 1, #ARGV, 4 do event(ARGV[i], ARGV[i + 1], ARGV[i + 2], '', '', ARGV[i + 3]) end
finishCall()
return 1
`;

/** ARGV: name, JSON it was, JSON it is to be, next run or '', id of the schedule; then what ENQUEUE takes. */
export const FIRE: string = enqueueScript(`
${KEEP}
if not same(ARGV[1], ARGV[2]) then return false end
keep(ARGV[1], ARGV[3], ARGV[4])
local first = 6
local function done(queue, name, added)
  for _ = 1, added do event('schedule.fired', queue, ARGV[5], name, '') end
  if added > 0 then redis.call('HINCRBY', P .. 'schruns', ARGV[1], added) end
end
`);
