import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const RANDOM_BYTES = 10;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;
let lastMs = 0;
let sequence = 0;

/**
 * A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then a 12-bit counter (method 1 of section 6.2),
 * so ids made by one process sort in the order they were made, then 62 random bits.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (used + RANDOM_BYTES > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = pool.readUInt16BE(used) & 0x7ff; // half the range stays free for counting up
  } else if (++sequence > 0xfff) {
    lastMs += 1;
    sequence = 0;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const counter = sequence.toString(16).padStart(3, '0');
  const variant = ((pool[used + 2] as number) & 0x3f) | 0x80;
  const tail = pool.toString('hex', used + 3, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const head = variant.toString(16) + tail.slice(0, 2);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${head}-${tail.slice(2)}`;
}
