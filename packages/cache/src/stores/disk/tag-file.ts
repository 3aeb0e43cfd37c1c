import { createHash } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { close, lstat, open, readAll, unless } from './files.js';

const RECORD = 16;

const hashOf = (tag: string): Buffer =>
  createHash('sha256').update(tag).digest().subarray(0, RECORD);

/**
 * Which tags of a namespace's epoch were invalidated, in order: a file to which every process appends the hashes of
 * tags. A place in it is a point in time: an entry is as good as it was at the place of its write until one of its
 * tags comes after that.
 *
 * 16 bytes divide a page: an append that is cut short by a kill ends between two records.
 */
export class TagFile {
  readonly path: string;
  #latest = new Map<string, number>();
  #known = 0;
  /** Which file it is that was read: somebody may remove the folder, and then a new one begins. */
  #file: string | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /** The present end of the log, after everything before it was taken in. */
  async end(): Promise<number> {
    const stat = await unless(lstat(this.path), 'ENOENT', 'ENOTDIR');
    // Numbers of files are given again: which one it is, they tell together with the time of its making.
    const file = stat && `${stat.ino} ${stat.birthtimeMs}`;
    if (file !== this.#file) this.#begin(file);
    const size = stat?.size ?? 0;
    const end = size - (size % RECORD);
    if (end > this.#known) {
      this.#reading = this.#reading.catch(() => undefined).then(() => this.#read(end));
      await this.#reading;
    }
    return end;
  }

  #begin(file: string | undefined): void {
    this.#file = file;
    this.#latest = new Map();
    this.#known = 0;
  }

  async #read(end: number): Promise<void> {
    const from = this.#known;
    const latest = this.#latest;
    if (end <= from) return;
    const fd = await open(this.path, 'r');
    try {
      const bytes = Buffer.allocUnsafe(end - from);
      const length = await readAll(fd, bytes, from);
      // Another file may have begun meanwhile: what was read is of the one before.
      if (latest !== this.#latest) return;
      for (let at = 0; at + RECORD <= length; at += RECORD) {
        this.#known += RECORD;
        latest.set(bytes.toString('latin1', at, at + RECORD), this.#known);
      }
    } finally {
      await close(fd);
    }
  }

  /** Whether one of the tags was invalidated after this place. */
  invalidatedSince(tags: readonly string[], place: number): boolean {
    // A place beyond the end is of a log that is lost, and with it what was invalidated.
    if (tags.length > 0 && place > this.#known) return true;
    return tags.some((tag) => (this.#latest.get(hashOf(tag).toString('latin1')) ?? 0) > place);
  }

  async append(tags: readonly string[]): Promise<void> {
    await appendFile(this.path, Buffer.concat(tags.map(hashOf)), { mode: 0o600 });
  }
}
