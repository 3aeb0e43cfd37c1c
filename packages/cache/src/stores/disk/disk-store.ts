import { crc32 } from 'node:zlib';
import { CacheError, isCacheError } from '../../errors.js';
import { checkEntryTags } from '../../keys.js';
import { MAX_TTL_MS, optionInvalid } from '../../option-checks.js';
import type { StoreRead, StoreWrite } from '../../store.js';
import type { DiskCacheStore, DiskStats, DiskStreamOptions, DiskStreamRead } from '../disk.js';
import { type EntryName, isStorable } from './entry.js';
import { NewFile } from './entry-file.js';
import { EntryStream } from './entry-stream.js';
import { isCurrent, parseFence } from './fence.js';
import { close, codeOf } from './files.js';
import { KeyQueue } from './key-queue.js';
import { type KeyPlace, Layout, NO_VERSION, placeOf, versionsOf } from './layout.js';
import { Ledger, spaceOf } from './ledger.js';
import { type Epoch, Namespace } from './namespace.js';
import { type Got, Reader, readOf } from './reader.js';
import { Room } from './room.js';
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
  readonly #room: Room;
  readonly #reader: Reader;
  readonly #queue = new KeyQueue();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #discards = new Set<Promise<void>>();
  #ready: Promise<void> | undefined;
  #timer: NodeJS.Timeout;
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
    this.#room = new Room(this.#ledger, this.#sweeper, options);
    this.#reader = new Reader(this.#versions, this.#stamps, (work) => this.#inBackground(work));
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
      return got.map((one) => readOf(one, state));
    });
  }

  #getAll(epoch: Epoch, namespace: string, keys: readonly string[]): Promise<readonly Got[]> {
    const gets = keys.map((key) =>
      this.#slots.run(() => this.#reader.get(epoch, { namespace, key })),
    );
    return Promise.all(gets);
  }

  setMany(namespace: string, writes: readonly StoreWrite[]): Promise<readonly boolean[]> {
    return this.#guarded(() =>
      Promise.all(writes.map((write) => this.#setInTurn(namespace, write))),
    );
  }

  #setInTurn(namespace: string, write: StoreWrite): Promise<boolean> {
    return this.#queue.run(queueOf(namespace, write.key), async () => {
      // Not in a slot: who waits for room must not hold up readers, nor the sweep that makes it.
      const fits =
        spaceOf(write.bytes.length) <= this.#options.maxBytes && (await this.#room.forOneMore());
      return this.#slots.run(() => this.#set(namespace, write, fits));
    });
  }

  async #set(
    namespace: string,
    { key, bytes, ttlMs, fence, tags = [] }: StoreWrite,
    fits: boolean,
  ): Promise<boolean> {
    const name = { namespace, key };
    checkStorable(name);
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
    if (published && this.#room.isScarce) this.#inBackground(this.#sweeper.run());
    return published;
  }

  deleteMany(namespace: string, keys: readonly string[]): Promise<void> {
    return this.#guarded(async () => {
      const remove = async (key: string): Promise<void> => {
        const { epoch } = await this.#namespace(namespace).state();
        await this.#versions.publishDeletion(placeOf(epoch.folder, key));
      };
      const inTurn = (key: string): Promise<void> =>
        this.#queue.run(queueOf(namespace, key), () => this.#slots.run(() => remove(key)));
      await Promise.all(keys.map(inTurn));
    });
  }

  clear(namespace: string): Promise<void> {
    return this.#guarded(async () => {
      await this.#queue.settled();
      await this.#namespace(namespace).clear();
    });
  }

  invalidateTags(namespace: string, tags: readonly string[]): Promise<void> {
    return this.#guarded(async () => {
      if (tags.length === 0) return;
      await this.#queue.settled();
      await this.#namespace(namespace).invalidateTags(tags);
    });
  }

  getStream(namespace: string, key: string): Promise<DiskStreamRead | undefined> {
    return this.#guarded(async () => {
      const state = await this.#namespace(namespace).state();
      const { file, entry } = await this.#reader.find(state.epoch, { namespace, key });
      if (entry === undefined) return undefined;
      const { expiresAt, length, tagsSeen, tags } = entry.head;
      const remainingMs = expiresAt - Date.now();
      if (remainingMs <= 0 || state.epoch.tags.invalidatedSince(tags, tagsSeen)) {
        await close(entry.fd);
        return undefined;
      }
      this.#stamps.note(file, Date.now(), expiresAt);
      const stream = new EntryStream(entry, () => {
        this.#reader.damaged += 1;
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
      checkStream(source, ttlMs, tags);
      if (!(await this.#room.forOneMore())) return false;
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
      damaged: this.#reader.damaged,
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

function checkStream(source: unknown, ttlMs: unknown, tags: unknown): void {
  if (!(typeof source === 'object' && source !== null && Symbol.asyncIterator in source)) {
    throw optionInvalid('source', 'a stream or another async iterable of bytes', source);
  }
  if (!(typeof ttlMs === 'number' && ttlMs > 0 && ttlMs <= MAX_TTL_MS)) {
    throw optionInvalid('ttlMs', `a number of milliseconds above 0 up to ${MAX_TTL_MS}`, ttlMs);
  }
  checkEntryTags(tags);
}

function queueOf(namespace: string, key: string): string {
  return `${namespace}\n${key}`;
}
