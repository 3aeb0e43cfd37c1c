import { CLAIM_PLAIN, CLAIMS } from './claims.js';
import { EXCHANGE_LONG } from './exchange-long.js';
import { FINISH } from './finish.js';
import { GROUPS } from './groups.js';
import { PARK, UNPARK } from './hand-over.js';
import { HEAD, TAIL } from './head.js';
import { PRELUDE } from './prelude.js';
import { QUEUES } from './queues.js';
import { SETTLE_PLAIN } from './settle-plain.js';
import { TASKS } from './tasks.js';

/**
 * ARGV: worker, lease in ms, token of this exchange, token of the last one that was answered ('' where none was lost),
 * what was heard while it was parked ('' when it was not; see hand-over.ts), '1' to park it, most tasks to claim, number of queues, the queues; number of leases to extend, then id, epoch and progress ('' for none) of
 * each; number of leases of epoch 1 that were completed; number of results, then for each how many of these have it, one
 * after the other, and = and the result or '' for none; then the ids of these leases; then id, epoch, outcome ('c', 'r',
 * 'd', 'b', or 'n' for completed without a result), '1' when the next is absolute, delay or time, and result or history
 * entry of each of the others.
 *
 * Returns: now, the places of what was not settled, the places of what was extended (negative where it is to be
 * cancelled), claimed tasks, next due, the places of what ended as cancelled. Claimed tasks come in pairs: ids and texts
 * of plain ones (see claims.ts), or 0 and ten values each of others.
 */
export const EXCHANGE: string = `
${HEAD}
local worker, lease, token, answered = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local heard, park = ARGV[5], ARGV[6]
local wanted, queueCount = tonumber(ARGV[7]), tonumber(ARGV[8])
local limit = wanted
local extendAt = 10 + queueCount
local extendCount = tonumber(ARGV[extendAt - 1])
local resultsAt = extendAt + 3 * extendCount + 2
local doneCount, resultCount = tonumber(ARGV[resultsAt - 2]), tonumber(ARGV[resultsAt - 1])
local doneAt = resultsAt + 2 * resultCount
local otherAt = doneAt + doneCount

local stale, extended, cancelled, segments = {}, {}, {}, {}
-- What the worker is given, for the case that the answer is lost.
local given = {}
local joins = true
${CLAIM_PLAIN}
${SETTLE_PLAIN}
-- All else, made only when there is some.
local full
local function long()
if full then return full end
${[PRELUDE, QUEUES, GROUPS, TASKS, FINISH, CLAIMS, EXCHANGE_LONG].join('\n')}
end

if restCount > 0 or extendCount > 0 or otherAt <= #ARGV then long().settle() end

${UNPARK}
local last = P .. 'last:' .. worker .. ':'
if answered ~= '' then
  local same, seen = string.match(answered, '^(.*)%.(%d+)$')
  for i = 1, 2 do
    -- The older one first.
    local slot = last .. (seen + i) % 2
    local store, number = string.match(redis.call('GETRANGE', slot, 0, 63), '^(%S+)%.(%d+) ')
    if store == same and tonumber(number) > tonumber(seen) then
      long().again(string.match(redis.call('GET', slot), ' .*$'))
    end
  end
end

local dueFirst = false
for i = 9, 8 + queueCount do
  local q = ARGV[i]
  local s = queueOf(q)
  local due = tonumber(redis.call('ZRANGE', P .. 'sched:' .. q, 0, 0, 'WITHSCORES')[2]) or false
  if not s.simple or s.gone > 0 or (due and due <= now) then
    local far = long()
    due = far.due(q)
    if wanted > 0 and due and due <= now then far.promote(q) end
    far.claim(q)
    due = far.due(q)
  elseif limit > 0 and not s.paused then
    if redis.call('EXISTS', P .. 'ready:' .. q) == 1 then long().claim(q) end
    while limit > 0 do
      local ids = redis.call('LPOP', P .. 'fifo:' .. q, min(limit, CHUNK))
      if not ids then break end
      claimPlain(q, ids)
    end
  end
  if due and (not dueFirst or due < dueFirst) then dueFirst = due end
end
${PARK}
if #given > 0 then
  -- Two may be under way: the one before may have no answer yet.
  redis.call('SET', last .. string.sub(token, -1) % 2, token .. ' ' .. table.concat(given, ' '), 'PX', math.ceil(3 * lease))
end
if full then full.save() end
${TAIL}
return {now, stale, extended, segments, dueFirst, cancelled}
`;
