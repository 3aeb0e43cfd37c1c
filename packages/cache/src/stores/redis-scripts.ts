import { createHash } from 'node:crypto';

/** Where the parts of a value begin. */
interface Header {
  readonly magic: string;
  readonly change: number;
  readonly epoch: number;
  readonly expiry: number;
  readonly length: number;
}

/*
 * The form of a key's value: "hf1", a kind ("v" value, "g" value with tags, "t" tombstone), 12 characters that change
 * with every change of the key, 12 that name the namespace's epoch, 14 digits of the expiry in milliseconds by the
 * server's clock; with tags 14 digits of the namespace's sequence at the write, 6 of the length of the tags, and the
 * tags as JSON; then the bytes of the entry.
 *
 * The epoch key holds the epoch and after it the sequence, which counts invalidations of tags ("" is 0). The record of
 * a tag holds the epoch and the sequence at which the tag was invalidated last, or at which it was first used. An
 * entry is alive while every one of its tags has a record that is not younger than itself. Where a record is missing,
 * expired or evicted, the entry counts as invalidated: forgetting is safe.
 *
 * A fence is epoch, change and sequence together, with dots for a change that is absent.
 *
 * Expiry is stored as well as set on the key, so that reading it needs no command a key: one TIME tells it for all.
 */
export const HEADER: Header = { magic: 'hf1', change: 4, epoch: 16, expiry: 28, length: 42 };

/** Digits after the header of an entry with tags. */
export const SEQUENCE_DIGITS = 14;
export const TAGS_DIGITS = 6;

/** Characters of an epoch. */
export const EPOCH_LENGTH = 12;

/** As long as a change or an epoch. */
export const ABSENT: string = '.'.repeat(12);

/** A Lua script and the name the server knows it by once it has seen it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

const script = (source: string): Script => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

const CHANGE_OF = `
local function change_of(key)
  local head = redis.pcall('GETRANGE', key, 0, 15)
  if type(head) == 'string' and #head == 16 and string.find(head, '^hf1[vgt][%w_%-]+$') then
    return string.sub(head, 5, 16)
  end
  return '${ABSENT}'
end`;

/**
 * KEYS: epoch key, entry keys, keys of tags. ARGV: epoch to use when there is none, change, channel, message
 * ('' publishes nothing), number of entries, then of each entry fence ('' writes unconditionally), milliseconds to
 * live, bytes, its tags as places among the keys of tags, and its tags as JSON. Returns 1 for each that was written.
 * Runs as one: nothing comes between the test of a fence and the write.
 */
export const SET_MANY: Script = script(`
local meta = redis.call('GET', KEYS[1])
if not meta then
  meta = ARGV[1]
  redis.call('SET', KEYS[1], meta)
end
local epoch = string.sub(meta, 1, 12)
local sequence = tonumber(string.sub(meta, 13)) or 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entries = tonumber(ARGV[5])

local function recorded(place)
  local record = redis.pcall('GET', KEYS[1 + entries + place])
  if type(record) ~= 'string' or string.sub(record, 1, 12) ~= epoch then return nil end
  return tonumber(string.sub(record, 13))
end
${CHANGE_OF}
local function holds(key, fence, tags)
  if string.sub(fence, 1, 24) ~= epoch .. change_of(key) then return false end
  local seen = tonumber(string.sub(fence, 25)) or 0
  for place in string.gmatch(tags, '%d+') do
    if (recorded(place) or 0) > seen then return false end
  end
  return true
end
-- Records live at least as long as the entries: twice as long, so that they are seldom prolonged.
local function record(tags, ttl)
  for place in string.gmatch(tags, '%d+') do
    local key = KEYS[1 + entries + place]
    if not recorded(place) then
      redis.call('SET', key, epoch .. string.format('%.0f', sequence), 'PX', string.format('%.0f', ttl * 2))
    elseif redis.call('PTTL', key) < ttl then
      redis.call('PEXPIRE', key, string.format('%.0f', ttl * 2))
    end
  end
end

local written = {}
for i = 1, entries do
  local key, at = KEYS[1 + i], 6 + (i - 1) * 5
  local fence, ttl, bytes, tags, names = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local pass = fence == '' or holds(key, fence, tags)
  if pass then
    local expiry = string.format('%014.0f', now + ttl)
    local head = 'hf1v' .. ARGV[2] .. epoch .. expiry
    if tags ~= '' then
      record(tags, ttl)
      head = 'hf1g' .. ARGV[2] .. epoch .. expiry .. string.format('%014.0f%06.0f', sequence, #names) .. names
    end
    redis.call('SET', key, head .. bytes, 'PX', ARGV[at + 1])
  end
  written[i] = pass and 1 or 0
end
if ARGV[4] ~= '' then
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return written
`);

/**
 * KEYS: epoch key, keys of tags. ARGV: epoch to use when there is none, milliseconds that the invalidation is
 * remembered where no entry carries the tag again, channel, message.
 */
export const INVALIDATE_TAGS: Script = script(`
local meta = redis.call('GET', KEYS[1]) or ARGV[1]
local record = string.sub(meta, 1, 12) .. string.format('%.0f', (tonumber(string.sub(meta, 13)) or 0) + 1)
redis.call('SET', KEYS[1], record)
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], record, 'PX', ARGV[2])
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
`);

/** KEYS: entry keys. ARGV: change, milliseconds that the deletion is remembered, channel, message. */
export const DELETE_MANY: Script = script(`
local tombstone = 'hf1t' .. ARGV[1] .. '${ABSENT}' .. string.rep('0', 14)
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], tombstone, 'PX', ARGV[2])
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return #KEYS
`);

/** KEYS: epoch key. ARGV: the new epoch, channel, message. Entries of the old one are out of reach and expire. */
export const CLEAR: Script = script(`
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
`);

/**
 * A claim is epoch and change of the key, the token, and "+" when somebody waits for it. It is void once the key has
 * another change.
 *
 * KEYS: epoch key, then entry key and claim key of each. ARGV: milliseconds to live, then fence and token of each.
 * Returns for each 0 when it is held now, -1 when the key has changed, else the milliseconds that another one has it.
 */
export const CLAIM: Script = script(`
${CHANGE_OF}
local epoch = string.sub(redis.call('GET', KEYS[1]) or '', 1, 12)
local results = {}
for i = 1, (#KEYS - 1) / 2 do
  local claim = KEYS[2 * i + 1]
  local state = epoch .. change_of(KEYS[2 * i])
  local own = state .. ARGV[2 * i + 1]
  local held = redis.call('GET', claim)
  if string.sub(ARGV[2 * i], 1, 24) ~= state then
    results[i] = -1
  elseif held == own or held == own .. '+' then
    redis.call('PEXPIRE', claim, ARGV[1])
    results[i] = 0
  elseif held and string.sub(held, 1, 24) == state then
    local left = math.max(1, redis.call('PTTL', claim))
    if string.sub(held, -1) ~= '+' then redis.call('SET', claim, held .. '+', 'PX', left) end
    results[i] = left
  else
    redis.call('SET', claim, own, 'PX', ARGV[1])
    results[i] = 0
  end
end
return results
`);

/** KEYS: claim keys. ARGV: channel, origin as JSON, then token and key as JSON of each. */
export const RELEASE: Script = script(`
local waited = {}
for i = 1, #KEYS do
  local held = redis.call('GET', KEYS[i])
  local token = held and string.gsub(string.sub(held, 25), '%+$', '')
  if token == ARGV[2 * i + 1] then
    redis.call('DEL', KEYS[i])
    if string.sub(held, -1) == '+' then waited[#waited + 1] = ARGV[2 * i + 2] end
  end
end
if #waited > 0 then
  local message = '{"origin":' .. ARGV[2] .. ',"keys":[],"released":[' .. table.concat(waited, ',') .. ']}'
  redis.call('PUBLISH', ARGV[1], message)
end
return #waited
`);
