import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { CacheError } from '../../errors.js';
import type { OpenEntry } from './entry-file.js';
import { close, read } from './files.js';

const PIECE = 256 * 1_024;

/**
 * The value of an open entry in pieces; closes the file. Fails instead of ending when the value is not as it was
 * written: whoever has read it to its end has read it whole.
 */
export class EntryStream extends Readable {
  readonly #entry: OpenEntry;
  readonly #onDamage: () => void;
  #at = 0;
  #checksum = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(entry: OpenEntry, onDamage: () => void) {
    super({ highWaterMark: PIECE });
    this.#entry = entry;
    this.#onDamage = onDamage;
  }

  override _read(): void {
    this.#reading = this.#next().catch((err: unknown) => {
      this.destroy(err instanceof Error ? err : new Error(String(err)));
    });
  }

  async #next(): Promise<void> {
    const { fd, head, start } = this.#entry;
    const left = head.length - this.#at;
    if (left === 0) {
      if (this.#checksum !== head.checksum) throw this.#damaged();
      this.push(null);
      return;
    }
    const piece = Buffer.allocUnsafe(Math.min(PIECE, left));
    const { bytesRead } = await read(fd, piece, 0, piece.length, start + this.#at);
    if (bytesRead === 0) throw this.#damaged();
    this.#at += bytesRead;
    const got = piece.subarray(0, bytesRead);
    this.#checksum = crc32(got, this.#checksum);
    this.push(got);
  }

  #damaged(): CacheError {
    this.#onDamage();
    return new CacheError('CACHE_ENTRY_DAMAGED', 'The stored value is not as it was written');
  }

  override _destroy(err: Error | null, done: (err?: Error | null) => void): void {
    // The file's number may be another file's once it is closed: not before the read in progress has ended.
    this.#reading
      .then(() => close(this.#entry.fd))
      .then(
        () => done(err),
        () => done(err),
      );
  }
}
