import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { rename, unless } from './files.js';

/** What a store holds. */
export interface Usage {
  readonly bytes: number;
  readonly entries: number;
}

/** Bytes of a block: a file takes whole ones. */
const BLOCK = 4_096;
const RECORD = 16;
const FLUSH_MS = 50;
/** Records after which the file is to be made anew. */
const LONG = 16_384 * RECORD;

/** The space that a file takes on disk. */
export function spaceOf(fileBytes: number): number {
  return Math.ceil(fileBytes / BLOCK) * BLOCK;
}

/**
 * What all processes together keep in the folder, to within what each of them did in the last 50 ms.
 *
 * A file of records, each a change of bytes and of entries, to which every process appends. The sum is an estimate: a
 * process that dies takes its last 50 ms with it. The sweeper, which sees everything, replaces it from time to time.
 */
export class Ledger {
  readonly #path: string;
  readonly #newFile: () => string;
  #total: Usage = { bytes: 0, entries: 0 };
  #own = { bytes: 0, entries: 0 };
  #length = 0;
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  #doubtful = false;
  #closed = false;

  constructor(path: string, newFile: () => string) {
    this.#path = path;
    this.#newFile = newFile;
  }

  /** What is held, as far as it is known here. */
  get usage(): Usage {
    return {
      bytes: this.#total.bytes + this.#own.bytes,
      entries: this.#total.entries + this.#own.entries,
    };
  }

  /** Whether the sweeper should count again. */
  get worn(): boolean {
    return this.#doubtful || this.#length > LONG;
  }

  add(bytes: number, entries: number): void {
    this.#own.bytes += bytes;
    this.#own.entries += entries;
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => void this.sync(), FLUSH_MS).unref();
  }

  /** Tells the others what was done here and takes in what they did. Never rejects. */
  async sync(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    await this.#syncing;
  }

  async #sync(): Promise<void> {
    const own = this.#own;
    try {
      if (own.bytes !== 0 || own.entries !== 0) {
        await appendFile(this.#path, recordOf(own), { mode: 0o600 });
        this.#own = {
          bytes: this.#own.bytes - own.bytes,
          entries: this.#own.entries - own.entries,
        };
        // Until the file is read these are in neither sum: that is a moment too few, never two counts of one.
      }
      await this.#read();
    } catch {
      // A folder that went away, or a full disk: the next operation on an entry will say so.
      this.#doubtful = true;
    }
  }

  async #read(): Promise<void> {
    const file = (await unless(readFile(this.#path), 'ENOENT')) ?? Buffer.alloc(0);
    this.#length = file.length;
    let bytes = 0;
    let entries = 0;
    for (let at = 0; at + RECORD <= file.length; at += RECORD) {
      bytes += file.readDoubleLE(at);
      entries += file.readDoubleLE(at + 8);
    }
    this.#doubtful = file.length % RECORD !== 0 || !(bytes >= 0) || !(entries >= 0);
    this.#total = this.#doubtful ? { bytes: 0, entries: 0 } : { bytes, entries };
  }

  /**
   * Begins a count of everything. Call the result with what was counted: changes made since then are kept, so that
   * the sum may be too high by what was counted twice, and is not too low.
   */
  async recount(): Promise<(counted: Usage) => Promise<void>> {
    await this.sync();
    const from = this.#length - (this.#length % RECORD);
    return async (counted) => {
      await this.sync();
      const file = (await unless(readFile(this.#path), 'ENOENT')) ?? Buffer.alloc(0);
      const since = this.#doubtful ? Buffer.alloc(0) : file.subarray(from);
      const path = this.#newFile();
      await writeFile(path, Buffer.concat([recordOf(counted), since]), { mode: 0o600 });
      await rename(path, this.#path);
      await this.sync();
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.sync();
  }
}

function recordOf({ bytes, entries }: Usage): Buffer {
  const record = Buffer.allocUnsafe(RECORD);
  record.writeDoubleLE(bytes, 0);
  record.writeDoubleLE(entries, 8);
  return record;
}
