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
 * The form of a key's value: "hf1", a kind ("v" value or "t" tombstone), 12 characters that change with every change
 * of the key, 12 that name the namespace's epoch, 14 digits of the expiry in milliseconds by the server's clock; then
 * the bytes of the entry. A fence is epoch and change together, with dots for what is absent.
 *
 * Expiry is stored as well as set on the key, so that reading it needs no command a key: one TIME tells it for all.
 */
export const HEADER: Header = { magic: 'hf1', change: 4, epoch: 16, expiry: 28, length: 42 };

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

/**
 * KEYS: epoch key, entry keys. ARGV: epoch to use when there is none, change, channel, message ('' publishes nothing),
 * then fence ('' writes unconditionally), milliseconds to live and bytes of each entry. Returns 1 for each that was
 * written. Runs as one: nothing comes between the test of a fence and the write.
 */
export const SET_MANY: Script = script(`
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local written = {}
for i = 2, #KEYS do
  local at = 5 + (i - 2) * 3
  local fence, ttl = ARGV[at], tonumber(ARGV[at + 1])
  local pass = fence == ''
  if not pass then
    local head = redis.pcall('GETRANGE', KEYS[i], 0, 15)
    local change = '${ABSENT}'
    if type(head) == 'string' and #head == 16 and string.find(head, '^hf1[vt][%w_%-]+$') then
      change = string.sub(head, 5, 16)
    end
    pass = fence == epoch .. change
  end
  if pass then
    local head = 'hf1v' .. ARGV[2] .. epoch .. string.format('%014.0f', now + ttl)
    redis.call('SET', KEYS[i], head .. ARGV[at + 2], 'PX', ttl)
  end
  written[i - 1] = pass and 1 or 0
end
if ARGV[4] ~= '' then
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return written
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
