import { crc32 } from 'node:zlib';

/*
 * The form of an entry's file, numbers in little-endian order:
 *
 *    0  "HFD" and the format's number, 1
 *    4  bytes of the namespace, uint16
 *    6  bytes of the key, uint16
 *    8  expiry in milliseconds since the epoch, float64
 *   16  bytes of the value, float64
 *   24  place in the log of tags (see TagFile) at the time of the write, float64
 *   32  bytes of the tags, uint32
 *   36  CRC-32 of the value
 *   40  CRC-32 of what stands before this, followed by namespace, key and tags
 *   44  namespace, key, tags (JSON, nothing when there are none), value
 */
const MAGIC = 0x01444648;
const FIXED = 44;
const CHECKED = 40;
const MAX_NAME = 0xffff;

/** Where an entry belongs. */
export interface EntryName {
  readonly namespace: string;
  readonly key: string;
}

/** What an entry's file says of itself. */
export interface EntryHead {
  readonly expiresAt: number;
  /** Bytes of the value. */
  readonly length: number;
  /** CRC-32 of the value. */
  readonly checksum: number;
  readonly tags: readonly string[];
  readonly tagsSeen: number;
}

/** Whether an entry of this name can be stored. */
export function isStorable({ namespace, key }: EntryName): boolean {
  return Buffer.byteLength(namespace) <= MAX_NAME && Buffer.byteLength(key) <= MAX_NAME;
}

export function encodeHead({ namespace, key }: EntryName, head: EntryHead): Buffer {
  const tags = head.tags.length === 0 ? '' : JSON.stringify(head.tags);
  const text = Buffer.from(namespace + key + tags);
  const bytes = Buffer.allocUnsafe(FIXED + text.length);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(Buffer.byteLength(namespace), 4);
  bytes.writeUInt16LE(Buffer.byteLength(key), 6);
  bytes.writeDoubleLE(head.expiresAt, 8);
  bytes.writeDoubleLE(head.length, 16);
  bytes.writeDoubleLE(head.tagsSeen, 24);
  bytes.writeUInt32LE(Buffer.byteLength(tags), 32);
  bytes.writeUInt32LE(head.checksum, 36);
  text.copy(bytes, FIXED);
  bytes.writeUInt32LE(checksumOf(bytes), CHECKED);
  return bytes;
}

function checksumOf(head: Uint8Array): number {
  return crc32(head.subarray(FIXED), crc32(head.subarray(0, CHECKED)));
}

/** Bytes of the head, which the value follows; `undefined` for bytes that are not the beginning of one. */
export function headLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  return FIXED + bytes.readUInt16LE(4) + bytes.readUInt16LE(6) + bytes.readUInt32LE(32);
}

/**
 * Reads a whole head. `undefined` for one that is damaged or of another key.
 * @param head - as many bytes as {@link headLength} says
 */
export function decodeHead(head: Buffer, { namespace, key }: EntryName): EntryHead | undefined {
  if (head.readUInt32LE(CHECKED) !== checksumOf(head)) return undefined;
  const keyAt = FIXED + head.readUInt16LE(4);
  const tagsAt = keyAt + head.readUInt16LE(6);
  if (head.toString('utf8', FIXED, keyAt) !== namespace) return undefined;
  if (head.toString('utf8', keyAt, tagsAt) !== key) return undefined;
  const tags: unknown = tagsAt === head.length ? [] : JSON.parse(head.toString('utf8', tagsAt));
  return {
    expiresAt: head.readDoubleLE(8),
    length: head.readDoubleLE(16),
    tagsSeen: head.readDoubleLE(24),
    checksum: head.readUInt32LE(36),
    tags: tags as readonly string[],
  };
}
