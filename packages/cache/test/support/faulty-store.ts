import type {
  CacheStore,
  StoreChangeOptions,
  StoreListener,
  StoreRead,
  StoreSubscription,
  StoreWrite,
} from '../../src/index.js';

/** What happens to the operations of a {@link FaultyStore}. */
export type Fault =
  | 'none'
  /** Fails, and is not made. */
  | 'fail'
  /** Is made, but the reply is lost. */
  | 'lost-reply'
  /** Is made when {@link FaultyStore.release} is called, and not before; so are those that come after it. */
  | 'hold';

/** A store with faults on top of a real one. */
export class FaultyStore implements CacheStore {
  readonly name = 'faulty';
  readonly #store: CacheStore;
  #held: (() => void)[] = [];
  fault: Fault = 'none';
  calls = 0;

  constructor(store: CacheStore) {
    this.#store = store;
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
    const result = await operation();
    if (fault === 'lost-reply') throw new Error('injected: reply lost');
    return result;
  }

  getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    return this.#pass(() => this.#store.getMany(namespace, keys));
  }

  setMany(
    namespace: string,
    writes: readonly StoreWrite[],
    options?: StoreChangeOptions,
  ): Promise<readonly boolean[]> {
    return this.#pass(() => this.#store.setMany(namespace, writes, options));
  }

  deleteMany(
    namespace: string,
    keys: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    return this.#pass(() => this.#store.deleteMany(namespace, keys, options));
  }

  clear(namespace: string, options?: StoreChangeOptions): Promise<void> {
    return this.#pass(() => this.#store.clear(namespace, options));
  }

  invalidateTags(
    namespace: string,
    tags: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    return this.#pass(() => this.#store.invalidateTags(namespace, tags, options));
  }

  ping(): Promise<void> {
    return this.#pass(() => this.#store.ping());
  }

  async subscribe(namespace: string, listener: StoreListener): Promise<StoreSubscription> {
    const subscription = await this.#store.subscribe?.(namespace, listener);
    return subscription ?? { close: async () => undefined };
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
