import type {
  CacheStore,
  StoreChangeOptions,
  StoreClaim,
  StoreClaimResult,
  StoreListener,
  StoreRead,
  StoreSubscription,
  StoreWrite,
} from '../store.js';

/** What happens to the operations of a {@link FaultyStore}. */
export type Fault =
  | 'none'
  /** Fails, and is not made. */
  | 'fail'
  /** Is made, but the reply is lost. */
  | 'lost-reply'
  /** Is made when {@link FaultyStore.release} is called, and not before; so are those that come after it. */
  | 'hold'
  /** A change is not made although the reply says so. */
  | 'drop'
  /** A read gives bytes that are not what was written. */
  | 'corrupt';

/** A store with faults on top of a real one, to find out how a program lives with them. */
export class FaultyStore implements CacheStore {
  readonly name = 'faulty';
  readonly #store: CacheStore;
  #held: (() => void)[] = [];
  /** What happens from now on. */
  fault: Fault = 'none';
  /** Milliseconds that each operation takes longer. */
  delayMs = 0;
  /** Whether what others did is told; while it is not, it is lost. */
  tells = true;
  /** Operations so far. */
  calls = 0;
  readonly claimMany?: Required<CacheStore>['claimMany'];
  readonly releaseMany?: Required<CacheStore>['releaseMany'];
  readonly subscribe?: Required<CacheStore>['subscribe'];

  constructor(store: CacheStore) {
    this.#store = store;
    if (store.claimMany !== undefined) this.claimMany = (...args) => this.#claim(...args);
    if (store.releaseMany !== undefined) this.releaseMany = (...args) => this.#unclaim(...args);
    if (store.subscribe !== undefined) this.subscribe = (...args) => this.#listen(...args);
  }

  /** Lets go what was held, in order. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }

  async #pass<T>(operation: () => Promise<T>): Promise<T> {
    this.calls += 1;
    const { fault } = this;
    if (fault === 'fail') throw new Error('injected');
    if (fault === 'hold' || this.#held.length > 0)
      await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const result = await operation();
    if (fault === 'lost-reply') throw new Error('injected: reply lost');
    return result;
  }

  /** @param dropped - the reply of a change that is not made */
  #change<T>(operation: () => Promise<T>, dropped: T): Promise<T> {
    const drop = this.fault === 'drop';
    return this.#pass(async () => (drop ? dropped : operation()));
  }

  async getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    const corrupt = this.fault === 'corrupt';
    const reads = await this.#pass(() => this.#store.getMany(namespace, keys));
    return corrupt ? reads.map(corrupted) : reads;
  }

  setMany(
    namespace: string,
    writes: readonly StoreWrite[],
    options?: StoreChangeOptions,
  ): Promise<readonly boolean[]> {
    const written = writes.map(() => true);
    return this.#change(() => this.#store.setMany(namespace, writes, options), written);
  }

  deleteMany(
    namespace: string,
    keys: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    return this.#change(() => this.#store.deleteMany(namespace, keys, options), undefined);
  }

  clear(namespace: string, options?: StoreChangeOptions): Promise<void> {
    return this.#change(() => this.#store.clear(namespace, options), undefined);
  }

  invalidateTags(
    namespace: string,
    tags: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    return this.#change(() => this.#store.invalidateTags(namespace, tags, options), undefined);
  }

  ping(): Promise<void> {
    return this.#pass(() => this.#store.ping());
  }

  #claim(
    namespace: string,
    claims: readonly StoreClaim[],
    ttlMs: number,
  ): Promise<readonly StoreClaimResult[]> {
    return this.#pass(async () => (await this.#store.claimMany?.(namespace, claims, ttlMs)) ?? []);
  }

  #unclaim(
    namespace: string,
    claims: readonly StoreClaim[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    return this.#change(
      async () => this.#store.releaseMany?.(namespace, claims, options),
      undefined,
    );
  }

  async #listen(namespace: string, listener: StoreListener): Promise<StoreSubscription> {
    const subscription = await this.#store.subscribe?.(namespace, {
      onInvalidate: (invalidation) => {
        if (this.tells) listener.onInvalidate(invalidation);
      },
      onConnect: () => listener.onConnect(),
      onDisconnect: () => listener.onDisconnect(),
    });
    const sync = async (): Promise<void> => {
      if (!this.tells || subscription?.sync === undefined)
        throw new Error('injected: messages are lost');
      await subscription.sync();
    };
    return { close: async () => subscription?.close(), sync };
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The same entry with every third byte changed. */
function corrupted(read: StoreRead): StoreRead {
  const bytes = read.bytes?.map((byte, i) => (i % 3 === 0 ? byte ^ 0xff : byte));
  return { ...read, bytes };
}
