import { ChangeQueue } from './change-queue.js';
import { type ClaimAnswer, Claims, canClaim } from './claims.js';
import type { Clock } from './clock.js';
import { type Codec, createCodec } from './codec.js';
import { Counted } from './counted.js';
import { Guard } from './guard.js';
import type { ResolvedOptions } from './options.js';
import { type OnRead, ReadBatch, type RemoteEntry, type RemoteRead } from './read-batch.js';
import { Recovery } from './recovery.js';
import { RepairList } from './repair-list.js';
import type { RemoteWrite, SharedTier, TierEvents } from './shared-tier.js';
import type { L2Stats } from './stats.js';
import type { CacheStore, StoreClaim, StoreRead, StoreWrite } from './store.js';
import { Subscriber } from './subscriber.js';
import type { TagLog } from './tag-log.js';

const NO_TAGS: readonly string[] = [];

/**
 * L2 or L3 as the cache sees it: never fails and never takes longer than the time limit.
 *
 * A key is left alone from the moment a change of it begins until the store has confirmed the change; when the store
 * does not, until the key has been deleted there. So nothing that is read from L2 is older than the latest
 * acknowledged change made through this cache.
 */
export class RemoteTier implements SharedTier {
  readonly #store: CacheStore;
  readonly #namespace: string;
  readonly #origin: string;
  readonly #clock: Clock;
  readonly #codec: Codec;
  readonly #guard: Guard;
  readonly #changes: ChangeQueue;
  readonly #repairs: RepairList;
  readonly #recovery: Recovery;
  #subscriber: Subscriber | undefined;
  /** Absent where any process may run a factory at any time. */
  readonly claims: Claims | undefined;
  readonly #options: ResolvedOptions;
  readonly #tagLog: TagLog;
  /** Keys with a change in progress. */
  readonly #changing = new Counted();
  /** Tags that are being invalidated. */
  readonly #changingTags = new Counted();
  readonly #inProgress = new Set<Promise<unknown>>();
  #clearing = 0;
  #batch: ReadBatch | undefined;
  #hits = 0;
  #misses = 0;
  #writes = 0;
  #fencedFills = 0;
  #foreign = 0;
  #unencodable = 0;
  #skipped = 0;

  constructor(store: CacheStore, options: ResolvedOptions, origin: string, tagLog: TagLog) {
    this.#store = store;
    this.#options = options;
    this.#namespace = options.namespace;
    this.#origin = origin;
    this.#tagLog = tagLog;
    this.#clock = options.clock;
    this.#codec = createCodec(options.serializer, options.version);
    const fields = { module: 'cache', namespace: options.namespace, store: store.name };
    this.#guard = new Guard(options.resilience, options.clock, options.logger, fields);
    this.#changes = new ChangeQueue(store, options.namespace, origin, this.#guard);
    this.#repairs = new RepairList(options.resilience.maxAwaitingRepair);
    this.#recovery = new Recovery(this.#guard, this.#repairs, store, options, origin, tagLog);
    const { lockMs } = options;
    if (lockMs !== undefined && canClaim(store)) {
      this.claims = new Claims(store, options, origin, this.#guard, lockMs);
    }
  }

  /** Begins to hear of invalidations by other processes, where the store can tell of them. */
  listen(events: TierEvents): void {
    if (this.#subscriber !== undefined || this.#store.subscribe === undefined) return;
    const { claims } = this;
    this.#subscriber = new Subscriber(this.#store, this.#options, this.#origin, {
      invalidated: (keys, tags) => {
        events.invalidated(keys, tags);
        claims?.wake(keys);
      },
      released: (keys) => claims?.wake(keys),
      connected: (first) => {
        if (claims !== undefined) claims.wakes = true;
        claims?.wake('all');
        events.connected(first);
      },
      disconnected: () => {
        if (claims !== undefined) claims.wakes = false;
        claims?.wake('all');
      },
    });
  }

  /** Whether invalidations by other processes arrive now. */
  get subscribed(): boolean {
    return this.#subscriber?.connected ?? false;
  }

  #usable(key: string): boolean {
    return (
      this.#guard.closed &&
      this.#clearing === 0 &&
      !this.#changing.has(key) &&
      !this.#repairs.has(key)
    );
  }

  /** Whether none of the tags is being invalidated, or awaits it. */
  #tagsUsable(tags: readonly string[]): boolean {
    if (tags.length === 0) return true;
    return !tags.some((tag) => this.#changingTags.has(tag)) && !this.#repairs.hasTag(tags);
  }

  /** Reads a key; reads of the same tick share one round trip. */
  read(key: string, onRead: OnRead): void {
    if (!this.#usable(key)) {
      this.#skipped += 1;
      onRead(undefined);
      return;
    }
    this.#batch ??= new ReadBatch(this.#send);
    this.#batch.add(key, onRead);
  }

  readonly #send = (batch: ReadBatch): void => {
    this.#batch = undefined;
    void this.#flush(batch);
  };

  /** Never rejects: whatever a store answers, all who wait are told something. */
  async #flush(batch: ReadBatch): Promise<void> {
    const keys = batch.keys();
    const sentAt = this.#clock.now();
    const result = await this.#guard.run(() => this.#store.getMany(this.#namespace, keys));
    // How long the reply took to arrive is not known: count the whole round trip, so that no entry outlives its time.
    const elapsedMs = this.#clock.now() - sentAt;
    batch.settle((place) => {
      const read = result?.value[place];
      if (typeof read?.fence !== 'string') return undefined;
      const decoded = this.#decode(read, elapsedMs);
      if (decoded.entry === undefined) this.#misses += 1;
      else this.#hits += 1;
      return decoded;
    });
  }

  #decode(read: StoreRead, elapsedMs: number): RemoteRead {
    const remainingMs = read.remainingMs - elapsedMs;
    const usable = remainingMs > 0 && this.#tagsUsable(read.tags ?? NO_TAGS);
    const live = usable ? read.bytes : undefined;
    const decoded = live === undefined ? undefined : this.#codec.decode(live);
    if (live === undefined || decoded === undefined) {
      if (live !== undefined) this.#foreign += 1;
      return { entry: undefined, fence: read.fence, deleted: read.deleted };
    }
    const { fence, tags = NO_TAGS } = read;
    return { entry: { ...decoded, remainingMs, bytes: live.length, tags }, fence };
  }

  /**
   * Resolves when all that the store has told of so far has been heard. `false`: it cannot be made sure of.
   */
  async heard(): Promise<boolean> {
    try {
      return (await this.#guard.limit(async () => this.#subscriber?.sync())) ?? false;
    } catch {
      return false;
    }
  }

  /**
   * Reads a key without counting it.
   * @param tags - those that it is known to carry; while one of them is being invalidated there is no entry
   */
  async inspect(key: string, tags: readonly string[] = NO_TAGS): Promise<RemoteEntry | undefined> {
    if (!this.#usable(key) || !this.#tagsUsable(tags)) return undefined;
    const sentAt = this.#clock.now();
    const result = await this.#guard.run(() => this.#store.getMany(this.#namespace, [key]));
    const read = result?.value[0];
    return read && this.#decode(read, this.#clock.now() - sentAt).entry;
  }

  /**
   * Stores what a factory made, unless the key was changed by anyone since the fence was read. Does not wait.
   * @param ended - called when it is done, or was left out
   */
  fill(write: RemoteWrite, fence: string, ended: () => void): void {
    if (!this.#usable(write.key) || !this.#tagsUsable(write.tags)) {
      this.#skipped += 1;
      ended();
      return;
    }
    const encoded = this.#encode(write);
    if (encoded === undefined) {
      ended();
      return;
    }
    // Never rejects; `close` waits for it.
    void this.#track(this.#fill({ ...encoded, fence }).finally(ended));
  }

  async claim(key: string, fence: string): Promise<ClaimAnswer> {
    return this.claims?.take(key, fence);
  }

  release(claim: StoreClaim): void {
    this.claims?.release(claim);
  }

  async #fill(write: StoreWrite): Promise<void> {
    const written = await this.#changes.set([write]);
    if (written?.[0] === true) this.#writes += 1;
    else if (written !== undefined) this.#fencedFills += 1;
  }

  /** Writes entries. Those that cannot be encoded are deleted instead, so that no older value stays behind. */
  async write(writes: readonly RemoteWrite[]): Promise<void> {
    const encoded: StoreWrite[] = [];
    const refused: string[] = [];
    for (const write of writes) {
      const entry = this.#encode(write);
      if (entry === undefined) refused.push(write.key);
      else encoded.push(entry);
    }
    await Promise.all([this.#write(encoded), this.remove(refused)]);
  }

  async #write(writes: readonly StoreWrite[]): Promise<void> {
    if (writes.length === 0) return;
    const keys = writes.map((write) => write.key);
    const done = await this.#change(
      keys,
      async () => (await this.#changes.set(writes)) !== undefined,
    );
    if (done) this.#writes += writes.length;
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#change(keys, () => this.#changes.delete(keys));
  }

  /** Marks the keys as changing, makes the change, and remembers them for repair when it is not confirmed. */
  #change(keys: readonly string[], operation: () => Promise<boolean>): Promise<boolean> {
    this.#changing.begin(keys);
    const settle = async (): Promise<boolean> => {
      if (!this.#guard.closed) this.#skipped += keys.length;
      const confirmed = await operation();
      if (!confirmed) {
        this.#repairs.add(keys);
        this.#recovery.schedule();
      }
      this.#changing.end(keys);
      // Whoever waits for the claim of another process waits for a result that this change has outdated.
      this.claims?.wake(keys);
      return confirmed;
    };
    return this.#track(settle());
  }

  /** Entries with these tags are left alone from now on, until the store has confirmed that they are invalidated. */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    if (tags.length === 0) return;
    this.#changingTags.begin(tags);
    this.#changes.flush();
    const settle = async (): Promise<void> => {
      const options = { origin: this.#origin };
      const result = await this.#guard.run(() =>
        this.#store.invalidateTags(this.#namespace, tags, options),
      );
      if (result === undefined) {
        this.#repairs.addTags(tags);
        this.#recovery.schedule();
      }
      this.#changingTags.end(tags);
      // What was read before this, and arrives after it, may carry them still.
      this.#tagLog.invalidate(tags);
    };
    await this.#track(settle());
  }

  async clear(): Promise<void> {
    this.#clearing += 1;
    this.#changes.flush();
    const settle = async (): Promise<void> => {
      const options = { origin: this.#origin };
      const result = await this.#guard.run(() => this.#store.clear(this.#namespace, options));
      if (result === undefined) {
        this.#repairs.addNamespace();
        this.#recovery.schedule();
      }
      this.#clearing -= 1;
      this.claims?.wake('all');
    };
    await this.#track(settle());
  }

  #encode(entry: RemoteWrite): StoreWrite | undefined {
    try {
      const { key, ttlMs, graceMs, tags } = entry;
      const bytes = this.#codec.encode(entry.value, entry);
      const write = { key, bytes, ttlMs: ttlMs + graceMs };
      return tags.length === 0 ? write : { ...write, tags };
    } catch (err) {
      this.#unencodable += 1;
      const { logger, namespace } = this.#options;
      logger.warn({ module: 'cache', namespace, err }, 'value cannot be encoded: kept in L1 only');
      return undefined;
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#inProgress.add(work);
    const done = (): void => {
      this.#inProgress.delete(work);
    };
    work.then(done, done);
    return work;
  }

  /** Waits for writes in progress, then tries once more to repair what did not reach the store. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inProgress);
    this.claims?.close();
    await Promise.allSettled([this.#recovery.close(), this.#subscriber?.close()]);
  }

  stats(): L2Stats {
    return {
      store: this.#store.name,
      hits: this.#hits,
      misses: this.#misses,
      writes: this.#writes,
      fencedFills: this.#fencedFills,
      foreign: this.#foreign,
      unencodable: this.#unencodable,
      errors: this.#guard.errors,
      timeouts: this.#guard.timeouts,
      skipped: this.#skipped,
      circuit: this.#guard.closed ? 'closed' : 'open',
      awaitingRepair: this.#repairs.size,
      namespaceAwaitingRepair: this.#repairs.wholeNamespace,
      remoteInvalidations: this.#subscriber?.received ?? 0,
      subscribed: this.subscribed,
    };
  }
}
