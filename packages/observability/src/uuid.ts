import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8_192;
/** Eight for the id, two for the counter of a new millisecond. */
const RANDOM_BYTES = 10;
const HEX = Buffer.from('0123456789abcdef');
const pool = Buffer.alloc(POOL_BYTES);
/** The id being made, in ASCII: most of it stays from one to the next. */
const text = Buffer.from('00000000-0000-7000-8000-000000000000');
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
    writeTime(nowMs);
    sequence = pool.readUInt16BE(used + 8) & 0x7ff; // half the range stays free for counting up
  } else if (++sequence > 0xfff) {
    writeTime(lastMs + 1);
    sequence = 0;
  }
  writeHex(15, (sequence >> 8) & 0xf);
  writeByte(16, sequence & 0xff);
  const first = pool[used] as number;
  writeHex(19, 8 | (first & 3));
  writeHex(20, first >> 4);
  writeByte(21, pool[used + 1] as number);
  for (let at = 0; at < 6; at++) writeByte(24 + 2 * at, pool[used + 2 + at] as number);
  used += RANDOM_BYTES;
  return text.toString('latin1');
}

function writeTime(ms: number): void {
  lastMs = ms;
  const time = ms.toString(16).padStart(12, '0');
  text.write(`${time.slice(0, 8)}-${time.slice(8)}`, 'latin1');
}

function writeHex(at: number, value: number): void {
  text[at] = HEX[value] as number;
}

function writeByte(at: number, value: number): void {
  writeHex(at, value >> 4);
  writeHex(at + 1, value & 0xf);
}
