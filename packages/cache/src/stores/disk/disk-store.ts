import { crc32 } from 'node:zlib';
import { CacheError, isCacheError } from '../../errors.js';
import type { StoreRead, StoreWrite } from '../../store.js';
import type { DiskCacheStore, DiskStats, DiskStreamOptions, DiskStreamRead } from '../disk.js';
import { type EntryName, isStorable } from './entry.js';
import { NewFile, type OpenEntry, readHead, readValue } from './entry-file.js';
import { EntryStream } from './entry-stream.js';
import { close, codeOf } from './files.js';
import { KeyQueue } from './key-queue.js';
import { type KeyPlace, Layout, NO_VERSION, placeOf, versionFile, versionsOf } from './layout.js';
import { Ledger, spaceOf } from './ledger.js';
import { type Epoch, Namespace, type NamespaceState } from './namespace.js';
import { Slots } from './slots.js';
import { Stamps } from './stamps.js';
import { Sweeper, type SweepLimits } from './sweeper.js';
import { Versions } from './versions.js';

/** Options of a store on disk, complete and in milliseconds. */
export interface ResolvedDiskOptions extends SweepLimits {
  readonly path: string;
  readonly sweepMs: number;
  readonly sync: boolean;
}

/** Operations at a time: several times what libuv's threads do at once, far from a process's limit of open files. */
const AT_A_TIME = 32;
/** Longest wait for a sweep to make room; well below the time that a cache gives an operation. */
const PATIENCE_MS = 100;

/** What a key's files say. An entry that is there is open. */
interface Found {
  readonly version: number;
  /** Whether the latest version says that the key was deleted. */
  readonly deleted: boolean;
  readonly file: string;
  readonly entry: OpenEntry | undefined;
}

/** What a read is made of. */
interface Got {
  readonly version: number;
  readonly deleted: boolean;
  readonly entry?: OpenEntry;
  readonly bytes?: Buffer;
}

interface Fence {
  readonly epoch: number;
  readonly version: number;
  readonly tagsSeen: number;
}

/** {@link DiskCacheStore} says what it promises; layout.ts how it is laid out. */
export class DiskStore implements DiskCacheStore {
  readonly name = 'disk';
  readonly #options: ResolvedDiskOptions;
  readonly #layout: Layout;
  readonly #ledger: Ledger;
  readonly #versions: Versions;
  readonly #slots = new Slots(AT_A_TIME);
  readonly #stamps: Stamps;
  readonly #sweeper: Sweeper;
  readonly #queue = new KeyQueue();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #discards = new Set<Promise<void>>();
  #ready: Promise<void> | undefined;
  #timer: NodeJS.Timeout;
  #damaged = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedDiskOptions) {
    this.#options = options;
    this.#layout = new Layout(options.path);
    this.#ledger = new Ledger(this.#layout.ledger, () => this.#layout.newFile());
    this.#versions = new Versions(this.#ledger);
    this.#stamps = new Stamps(this.#slots);
    const parts = {
      layout: this.#layout,
      ledger: this.#ledger,
      stamps: this.#stamps,
      slots: new Slots(AT_A_TIME),
    };
    this.#sweeper = new Sweeper(parts, options);
    this.#timer = setTimeout(() => void this.#sweepInTurn(), 0).unref();
  }

  getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    return this.#guarded(async () => {
      if (keys.length === 0) return [];
      const held = this.#namespace(namespace);
      // The epoch is nearly always the one of before: look there while the folder is asked.
      const epoch = held.lastEpoch;
      const [early, state] = await Promise.all([
        this.#getAll(epoch, namespace, keys),
        held.state(),
      ]);
      const got = state.epoch === epoch ? early : await this.#getAll(state.epoch, namespace, keys);
      return got.map((one) => this.#readOf(one, state));
    });
  }

  #getAll(epoch: Epoch, namespace: string, keys: readonly string[]): Promise<readonly Got[]> {
    const gets = keys.map((key) => this.#slots.run(() => this.#get(epoch, { namespace, key })));
    return Promise.all(gets);
  }

  async #get(epoch: Epoch, name: EntryName): Promise<Got> {
    const { version, file, deleted, entry } = await this.#find(epoch, name);
    if (entry === undefined) return { version, deleted };
    try {
      const now = Date.now();
      if (entry.head.expiresAt <= now) return { version, deleted };
      const bytes = await readValue(entry);
      if (bytes === undefined) {
        this.#damaged += 1;
        return { version, deleted };
      }
      this.#stamps.note(file, now, entry.head.expiresAt);
      return { version, deleted, entry, bytes };
    } finally {
      this.#inBackground(close(entry.fd));
    }
  }

  /** Opens the latest version of a key; the caller closes it. */
  async #find(epoch: Epoch, name: EntryName): Promise<Found> {
    const place = placeOf(epoch.folder, name.key);
    const { version, fd } = await this.#versions.openLatest(place);
    const file = versionFile(place, version);
    if (fd === undefined) return { version, file, deleted: false, entry: undefined };
    let entry: OpenEntry | undefined;
    try {
      const head = await readHead(fd, name);
      if (head === 'damaged') this.#damaged += 1;
      else if (head !== 'deleted') entry = head;
      return { version, file, deleted: head === 'deleted', entry };
    } finally {
      if (entry === undefined) this.#inBackground(close(fd));
    }
  }

  #readOf({ version, deleted, entry, bytes }: Got, { epoch, tagsSeen }: NamespaceState): StoreRead {
    const fence = `${epoch.number}.${version}.${tagsSeen}`;
    if (entry !== undefined && bytes !== undefined) {
      const { head } = entry;
      const remainingMs = head.expiresAt - Date.now();
      if (remainingMs > 0 && !epoch.tags.invalidatedSince(head.tagsSeen, head.tags)) {
        return { bytes, remainingMs, fence, tags: head.tags };
      }
    }
    const none = { bytes: undefined, remainingMs: 0, fence };
    // An entry that is there and not alive is expired, or one of its tags was invalidated.
    const outdated = entry !== undefined && entry.head.expiresAt > Date.now();
    return deleted || outdated ? { ...none, deleted: true } : none;
  }

  setMany(namespace: string, writes: readonly StoreWrite[]): Promise<readonly boolean[]> {
    return this.#guarded(() =>
      Promise.all(
        writes.map((write) =>
          this.#inTurn(namespace, write.key, () => this.#set(namespace, write)),
        ),
      ),
    );
  }

  async #set(
    namespace: string,
    { key, bytes, ttlMs, fence, tags = [] }: StoreWrite,
  ): Promise<boolean> {
    const name = { namespace, key };
    checkStorable(name);
    const fits = spaceOf(bytes.length) <= this.#options.maxBytes && (await this.#hasRoom());
    const state = await this.#namespace(namespace).state();
    const seen = fence === undefined ? undefined : parseFence(fence);
    if (seen !== undefined && !isCurrent(seen, state, tags)) return false;
    const head = {
      expiresAt: Date.now() + ttlMs,
      length: bytes.length,
      checksum: crc32(bytes),
      tags,
      tagsSeen: seen?.tagsSeen ?? state.tagsSeen,
    };
    const place = placeOf(state.epoch.folder, key);
    if (!fits) {
      // It is not kept; the older value may not stay either.
      if (seen === undefined) await this.#versions.publishDeletion(place);
      return false;
    }
    const file = new NewFile(this.#layout.newFile());
    try {
      const size = await file.write(name, head, bytes, this.#options.sync);
      return await this.#publish(file, place, size, seen?.version);
    } finally {
      this.#inBackground(file.discard());
    }
  }

  async #publish(
    file: NewFile,
    place: KeyPlace,
    size: number,
    expected?: number,
  ): Promise<boolean> {
    const published = await this.#versions.publish(file.path, place, expected);
    if (published) this.#ledger.add(spaceOf(size), 1);
    if (published && this.#isFull()) this.#inBackground(this.#sweeper.run());
    return published;
  }

  deleteMany(namespace: string, keys: readonly string[]): Promise<void> {
    return this.#guarded(async () => {
      const remove = async (key: string): Promise<void> => {
        const { epoch } = await this.#namespace(namespace).state();
        await this.#versions.publishDeletion(placeOf(epoch.folder, key));
      };
      await Promise.all(keys.map((key) => this.#inTurn(namespace, key, () => remove(key))));
    });
  }

  clear(namespace: string): Promise<void> {
    return this.#guarded(() => this.#namespace(namespace).clear());
  }

  invalidateTags(namespace: string, tags: readonly string[]): Promise<void> {
    return this.#guarded(async () => {
      if (tags.length > 0) await this.#namespace(namespace).invalidateTags(tags);
    });
  }

  getStream(namespace: string, key: string): Promise<DiskStreamRead | undefined> {
    return this.#guarded(async () => {
      const state = await this.#namespace(namespace).state();
      const { file, entry } = await this.#find(state.epoch, { namespace, key });
      if (entry === undefined) return undefined;
      const { expiresAt, length, tagsSeen, tags } = entry.head;
      const remainingMs = expiresAt - Date.now();
      if (remainingMs <= 0 || state.epoch.tags.invalidatedSince(tagsSeen, tags)) {
        await close(entry.fd);
        return undefined;
      }
      this.#stamps.note(file, Date.now(), expiresAt);
      const stream = new EntryStream(entry, () => {
        this.#damaged += 1;
      });
      return { stream, length, remainingMs };
    });
  }

  setStream(
    namespace: string,
    key: string,
    source: AsyncIterable<Uint8Array>,
    { ttlMs, tags = [] }: DiskStreamOptions,
  ): Promise<boolean> {
    return this.#guarded(async () => {
      const name = { namespace, key };
      checkStorable(name);
      if (!(await this.#hasRoom())) return false;
      const { epoch, tagsSeen } = await this.#namespace(namespace).state();
      const place = placeOf(epoch.folder, key);
      const [version = NO_VERSION] = await versionsOf(place);
      const file = new NewFile(this.#layout.newFile());
      try {
        const facts = { expiresAt: Date.now() + ttlMs, tags, tagsSeen };
        const { maxBytes, sync } = this.#options;
        const size = await file.writeStream(name, facts, source, { most: maxBytes, sync });
        const state = await this.#namespace(namespace).state();
        const fence = { epoch: epoch.number, version, tagsSeen };
        if (size === undefined || !isCurrent(fence, state, tags)) return false;
        return await this.#publish(file, place, size, version);
      } finally {
        this.#inBackground(file.discard());
      }
    });
  }

  ping(): Promise<void> {
    return this.#guarded(() => this.#layout.make());
  }

  sweep(): Promise<void> {
    return this.#guarded(() => this.#sweeper.run());
  }

  stats(): DiskStats {
    const { evictions, expired } = this.#sweeper;
    const { maxBytes, maxEntries } = this.#options;
    return {
      ...this.#ledger.usage,
      maxBytes,
      maxEntries,
      evictions,
      expired,
      damaged: this.#damaged,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#sweeper.stop();
    await this.#stamps.flush();
    await this.#versions.settled();
    await Promise.all(this.#discards);
    await this.#ledger.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #namespace(name: string): Namespace {
    let namespace = this.#namespaces.get(name);
    if (namespace === undefined) {
      namespace = new Namespace(this.#layout.namespaceFolder(name));
      this.#namespaces.set(name, namespace);
    }
    return namespace;
  }

  #isFull(): boolean {
    const { bytes, entries } = this.#ledger.usage;
    return bytes > this.#options.maxBytes || entries > this.#options.maxEntries;
  }

  /**
   * Whether there is room for more. Who writes while there is none waits for the sweep, so that writers cannot outrun
   * eviction, but not for long: a cache had rather not keep a value than wait.
   */
  async #hasRoom(): Promise<boolean> {
    if (!this.#isFull()) return true;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([this.#sweeper.run(), patience]).finally(() => clearTimeout(timer));
    return !this.#isFull();
  }

  #inTurn<T>(namespace: string, key: string, operation: () => Promise<T>): Promise<T> {
    return this.#queue.run(`${namespace}\n${key}`, () => this.#slots.run(operation));
  }

  /** What nobody waits for but `close`. */
  #inBackground(work: Promise<void>): void {
    const done = (): void => {
      this.#discards.delete(settled);
    };
    const settled: Promise<void> = work.then(done, done);
    this.#discards.add(settled);
  }

  async #sweepInTurn(): Promise<void> {
    try {
      await this.#sweeper.run();
    } catch {
      // Operations on entries say what is wrong with the folder.
    }
    if (this.#closing !== undefined) return;
    this.#timer = setTimeout(() => void this.#sweepInTurn(), this.#options.sweepMs).unref();
  }

  async #guarded<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new CacheError('CACHE_CLOSED', 'The disk store is closed');
    }
    try {
      this.#ready ??= this.#layout.make();
      await this.#ready;
      return await operation();
    } catch (err) {
      // Somebody may have removed the folder: the next operation makes it again.
      this.#ready = undefined;
      const code = codeOf(err);
      if (isCacheError(err) || code === undefined) throw err;
      const message = `The folder ${JSON.stringify(this.#options.path)} cannot be used (${code})`;
      throw new CacheError('CACHE_STORE_UNAVAILABLE', message, { cause: err });
    }
  }
}

function checkStorable(name: EntryName): void {
  if (isStorable(name)) return;
  const message = 'Expected `key` to be of at most 65,535 bytes';
  throw new CacheError('CACHE_KEY_INVALID', message);
}

/** `NaN` in place of what is malformed: such a fence never holds. */
function parseFence(fence: string): Fence {
  const [epoch, version, tagsSeen] = fence.split('.').map(Number);
  return {
    epoch: epoch ?? Number.NaN,
    version: version ?? Number.NaN,
    tagsSeen: tagsSeen ?? Number.NaN,
  };
}

function isCurrent(fence: Fence, { epoch }: NamespaceState, tags: readonly string[]): boolean {
  return fence.epoch === epoch.number && !epoch.tags.invalidatedSince(fence.tagsSeen, tags);
}
