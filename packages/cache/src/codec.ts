import type { Serializer } from './serializers/serializer.js';

const textEncoder = new TextEncoder();

/** The times that an entry carries besides its expiry. */
export interface EntryTimes {
  /** Milliseconds since the epoch by the clock of the process that wrote it. */
  readonly createdAt: number;
  /** How many of the last milliseconds of its life it is stale: served only in place of an error or a wait. */
  readonly graceMs: number;
}

/** A value read from a shared tier. */
export interface Decoded extends EntryTimes {
  readonly value: unknown;
}

/** Encodes entries for a shared tier and decodes what it finds there. */
export interface Codec {
  encode(value: unknown, times: EntryTimes): Uint8Array;
  /** `undefined` for an entry of another format, of another version, or damaged. */
  decode(bytes: Uint8Array): Decoded | undefined;
}

const MAGIC = 0x48;
const FORMAT = 1;
/** Magic, format, length of the tag; the tag, the creation time and the grace follow. */
const FIXED = 3;
const TIME = 8;

const scratch = new DataView(new ArrayBuffer(TIME));

/** Reads a time without making a view of these bytes, which costs more than all the rest of the envelope. */
function timeAt(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < TIME; i += 1) scratch.setUint8(i, bytes[at + i] ?? 0);
  return scratch.getFloat64(0);
}

/**
 * The envelope: magic byte, format byte, a tag of serialiser and value version, time of creation, grace, then the body. The
 * tag is compared as bytes, so a foreign entry is turned down before anything parses it.
 */
export function createCodec(serializer: Serializer, version: string): Codec {
  const tag = textEncoder.encode(`${serializer.id}/${version}`);
  const headerLength = FIXED + tag.length + 2 * TIME;
  const isOurs = (bytes: Uint8Array): boolean => {
    if (bytes.length < headerLength || bytes[0] !== MAGIC || bytes[1] !== FORMAT) return false;
    if (bytes[2] !== tag.length) return false;
    for (let i = 0; i < tag.length; i += 1) if (bytes[FIXED + i] !== tag[i]) return false;
    return true;
  };

  return {
    encode: (value, { createdAt, graceMs }) => {
      const body = serializer.encode(value);
      const bytes = new Uint8Array(headerLength + body.length);
      bytes.set([MAGIC, FORMAT, tag.length]);
      bytes.set(tag, FIXED);
      const times = new DataView(bytes.buffer, FIXED + tag.length);
      times.setFloat64(0, createdAt);
      times.setFloat64(TIME, graceMs);
      bytes.set(body, headerLength);
      return bytes;
    },
    decode: (bytes) => {
      if (!isOurs(bytes)) return undefined;
      try {
        const createdAt = timeAt(bytes, FIXED + tag.length);
        const graceMs = timeAt(bytes, FIXED + tag.length + TIME);
        if (!(graceMs >= 0)) return undefined;
        const value = serializer.decode(bytes.subarray(headerLength));
        return value === undefined ? undefined : { value, createdAt, graceMs };
      } catch {
        return undefined;
      }
    },
  };
}
