import { crc32 } from 'node:zlib';
import { decodeHead, type EntryHead, type EntryName, encodeHead, headLength } from './entry.js';
import { close, fdatasync, futimes, open, readAll, unless, unlink, writeAll } from './files.js';
import { fileTimes } from './stamps.js';

/** Holds most entries whole, so that they take one read. */
const FIRST_READ = 8_192;

/** An open file whose head was read and found good. */
export interface OpenEntry {
  readonly fd: number;
  readonly head: EntryHead;
  /** Where the value begins. */
  readonly start: number;
  /** What was read of the value already. */
  readonly begun: Buffer;
}

/** Why a file holds no entry: it says that there is none, or it is not what was written. */
export type NoEntry = 'deleted' | 'damaged';

/** Reads the head of an open file. The caller closes the file. */
export async function readHead(fd: number, name: EntryName): Promise<OpenEntry | NoEntry> {
  let bytes = Buffer.allocUnsafe(FIRST_READ);
  bytes = bytes.subarray(0, await readAll(fd, bytes, 0));
  if (bytes.length === 0) return 'deleted';
  const start = headLength(bytes);
  if (start === undefined) return 'damaged';
  if (start > bytes.length) {
    const whole = Buffer.allocUnsafe(Math.min(start, MOST_HEAD));
    if ((await readAll(fd, whole, 0)) !== start) return 'damaged';
    bytes = whole;
  }
  const head = decodeHead(bytes.subarray(0, start), name);
  return head === undefined ? 'damaged' : { fd, head, start, begun: bytes.subarray(start) };
}

/** Names and tags are far smaller: a head that claims more is not one. */
const MOST_HEAD = 16 * 1_024 * 1_024;

/** Reads the value that belongs to a head; `undefined` when it is not as it was written. */
export async function readValue({
  fd,
  head,
  start,
  begun,
}: OpenEntry): Promise<Buffer | undefined> {
  const { length, checksum } = head;
  // One byte more than there should be: a file that is longer is not ours.
  if (begun.length > length) return undefined;
  let value = begun;
  if (begun.length < length || start + begun.length === FIRST_READ) {
    const rest = Buffer.allocUnsafe(length - begun.length + 1);
    const got = await readAll(fd, rest, start + begun.length);
    if (got !== length - begun.length) return undefined;
    value =
      begun.length === 0 ? rest.subarray(0, got) : Buffer.concat([begun, rest.subarray(0, got)]);
  }
  return crc32(value) === checksum ? value : undefined;
}

/** A file that is being written, under a name that nobody looks for. */
export class NewFile {
  readonly path: string;
  readonly #opened: Promise<number>;

  constructor(path: string) {
    this.path = path;
    // Opened while the caller finds out what to write; `write` reports what went wrong.
    this.#opened = open(path, 'wx', 0o600);
    this.#opened.catch(() => undefined);
  }

  /**
   * Writes head and value; then the file may be given its name.
   * @returns bytes of the file
   */
  async write(name: EntryName, head: EntryHead, value: Uint8Array, sync: boolean): Promise<number> {
    const fd = await this.#opened;
    try {
      const start = encodeHead(name, head);
      await writeAll(fd, [start, value]);
      await futimes(fd, ...fileTimes(Date.now(), head.expiresAt));
      if (sync) await fdatasync(fd);
      return start.length + value.length;
    } finally {
      await close(fd);
    }
  }

  /**
   * Writes a value that comes in pieces, and last the head, with the length and checksum that are known only then.
   * @param limits - `most`: bytes of the value beyond which it stops
   * @returns bytes of the file; `undefined` when there were more
   */
  async writeStream(
    name: EntryName,
    facts: Omit<EntryHead, 'length' | 'checksum'>,
    source: AsyncIterable<Uint8Array>,
    { most, sync }: { most: number; sync: boolean },
  ): Promise<number | undefined> {
    const fd = await this.#opened;
    try {
      let length = 0;
      let checksum = 0;
      await writeAll(fd, [encodeHead(name, { ...facts, length, checksum })]);
      for await (const piece of source) {
        if (!(piece instanceof Uint8Array)) throw new TypeError('Expected pieces of bytes');
        length += piece.length;
        if (length > most) return undefined;
        checksum = crc32(piece, checksum);
        await writeAll(fd, [piece]);
      }
      const start = encodeHead(name, { ...facts, length, checksum });
      await writeAll(fd, [start], 0);
      await futimes(fd, ...fileTimes(Date.now(), facts.expiresAt));
      if (sync) await fdatasync(fd);
      return start.length + length;
    } finally {
      await close(fd);
    }
  }

  /** Takes the temporary name away, whether it was given its own or not. */
  async discard(): Promise<void> {
    await unless(this.#opened, 'ENOENT').catch(() => undefined);
    await unless(unlink(this.path), 'ENOENT');
  }
}
