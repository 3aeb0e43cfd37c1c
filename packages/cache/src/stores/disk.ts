import type { Readable } from 'node:stream';
import type { Duration } from '../duration.js';
import { checkKnown, duration, integer, optionInvalid } from '../option-checks.js';
import type { CacheStore } from '../store.js';
import { DiskStore } from './disk/disk-store.js';

/** Options of {@link diskStore}. */
export interface DiskStoreOptions {
  /**
   * The folder, made when it is not there. On a local disk: several processes of one machine may share it. Nobody but
   * the user of the process may look into what is made there.
   */
  path: string;
  /**
   * Bytes on disk, in blocks of 4,096, beyond which what was used least recently is removed.
   * @defaultValue 1 GiB
   */
  maxBytes?: number;
  /**
   * Entries beyond which what was used least recently is removed.
   * @defaultValue 100,000
   */
  maxEntries?: number;
  /**
   * Time between two sweeps, which remove what expired and count what is there. The first is made at once.
   * @defaultValue `'1m'`
   */
  sweepInterval?: Duration;
  /**
   * How long a deletion is remembered, so that a factory which began before it, in any process, cannot store its
   * result after it. Longer than the slowest factory.
   * @defaultValue `'1m'`
   */
  tombstoneTtl?: Duration;
  /**
   * Whether a write waits until the disk has the data, so that it outlives a loss of power. Without it an entry that
   * was written in the seconds before may be missing; it is never half there.
   * @defaultValue false
   */
  sync?: boolean;
}

/** What a store on disk holds and did, since it was made. */
export interface DiskStats {
  /** Bytes on disk, of all processes that share the folder; an estimate between sweeps. */
  readonly bytes: number;
  /** Entries, of all processes that share the folder; an estimate between sweeps. */
  readonly entries: number;
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Entries that this process removed to make room. */
  readonly evictions: number;
  /** Entries that this process removed because their time was over. */
  readonly expired: number;
  /** Entries that were not as they were written: foreign, of another format, cut off, changed. Read as absent. */
  readonly damaged: number;
}

/** Options of {@link DiskCacheStore.setStream}. */
export interface DiskStreamOptions {
  /** Milliseconds to live from now, more than 0. */
  readonly ttlMs: number;
  /** @defaultValue none */
  readonly tags?: readonly string[];
}

/** A value that is read in pieces. */
export interface DiskStreamRead {
  /**
   * Holds a file open until it was read to its end or destroyed. Fails with `CACHE_ENTRY_DAMAGED` instead of ending
   * when the value is not as it was written.
   */
  readonly stream: Readable;
  /** Bytes of the value. */
  readonly length: number;
  /** Milliseconds that the entry has still to live. */
  readonly remainingMs: number;
}

/**
 * A store in a folder. Besides what every store does it takes values that are too large for memory, in pieces and as
 * they are: what was written in pieces is read in pieces.
 */
export interface DiskCacheStore extends CacheStore {
  /** Opens a value for reading; `undefined` when there is no live entry. */
  getStream(namespace: string, key: string): Promise<DiskStreamRead | undefined>;
  /**
   * Writes a value that comes in pieces. It is there once it is whole; not at all when the source fails, whose error
   * this rejects with.
   *
   * @returns whether it was written: not when the key was changed meanwhile, the value is larger than `maxBytes`, or there
   * is no room and a sweep does not make some soon
   */
  setStream(
    namespace: string,
    key: string,
    source: AsyncIterable<Uint8Array>,
    options: DiskStreamOptions,
  ): Promise<boolean>;
  /** Removes what expired, and what is too much, now. */
  sweep(): Promise<void>;
  stats(): DiskStats;
}

const KNOWN = ['path', 'maxBytes', 'maxEntries', 'sweepInterval', 'tombstoneTtl', 'sync'];
const GIB = 2 ** 30;
const DAY_MS = 86_400_000;

/**
 * A store in a folder: entries outlive the process, several processes may share it, and it stays within its limits.
 *
 * @example
 * ```ts
 * const store = diskStore({ path: '/var/cache/app', maxBytes: 512 * 2 ** 20 });
 * ```
 *
 * @throws CacheError `CACHE_OPTION_INVALID`
 */
export function diskStore(options: DiskStoreOptions): DiskCacheStore {
  checkKnown(options, 'options', KNOWN);
  const { path, maxBytes = GIB, maxEntries = 100_000, sync = false } = options;
  const { sweepInterval = '1m', tombstoneTtl = '1m' } = options;
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw optionInvalid('path', 'the path of a folder', path);
  }
  if (typeof sync !== 'boolean') throw optionInvalid('sync', 'a boolean', sync);
  return new DiskStore({
    path,
    maxBytes: integer('maxBytes', maxBytes, Number.MAX_SAFE_INTEGER, 4_096),
    maxEntries: integer('maxEntries', maxEntries, Number.MAX_SAFE_INTEGER),
    sweepMs: Math.ceil(duration('sweepInterval', sweepInterval, 1, DAY_MS)),
    tombstoneMs: Math.ceil(duration('tombstoneTtl', tombstoneTtl, 1, DAY_MS)),
    sync,
  });
}
