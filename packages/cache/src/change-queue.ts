import type { Guard, Guarded } from './guard.js';
import type { CacheStore, StoreChangeOptions, StoreWrite } from './store.js';

/** Changes of one kind on their way to the store as one call. */
interface Batch {
  readonly kind: 'set' | 'delete';
  readonly writes: StoreWrite[];
  readonly keys: string[];
  readonly done: Promise<Guarded<readonly boolean[] | undefined>>;
  readonly settle: (result: Promise<Guarded<readonly boolean[] | undefined>>) => void;
}

/**
 * Changes of one tick travel together: neighbours of one kind are one call of the store. They reach it in the order
 * in which they were made.
 */
export class ChangeQueue {
  readonly #store: CacheStore;
  readonly #namespace: string;
  readonly #options: StoreChangeOptions;
  readonly #guard: Guard;
  #open: Batch[] = [];

  constructor(store: CacheStore, namespace: string, origin: string, guard: Guard) {
    this.#store = store;
    this.#namespace = namespace;
    this.#options = { origin };
    this.#guard = guard;
  }

  /** Tells for each whether it was written; `undefined`: not known. Never rejects. */
  async set(writes: readonly StoreWrite[]): Promise<readonly boolean[] | undefined> {
    const batch = this.#batch('set');
    const first = batch.writes.length;
    for (const write of writes) batch.writes.push(write);
    const result = await batch.done;
    return result?.value?.slice(first, first + writes.length);
  }

  /** Whether the store has confirmed it. Never rejects. */
  async delete(keys: readonly string[]): Promise<boolean> {
    const batch = this.#batch('delete');
    for (const key of keys) batch.keys.push(key);
    return (await batch.done) !== undefined;
  }

  #batch(kind: Batch['kind']): Batch {
    const last = this.#open.at(-1);
    if (last?.kind === kind) return last;
    let settle: Batch['settle'] = () => undefined;
    const done: Batch['done'] = new Promise((resolve) => {
      settle = resolve;
    });
    const batch: Batch = { kind, writes: [], keys: [], done, settle };
    if (this.#open.length === 0) process.nextTick(() => this.flush());
    this.#open.push(batch);
    return batch;
  }

  /** Sends what is waiting now, so that what the caller sends next comes after it. */
  flush(): void {
    const batches = this.#open;
    this.#open = [];
    for (const batch of batches) batch.settle(this.#guard.run(() => this.#send(batch)));
  }

  async #send({ kind, writes, keys }: Batch): Promise<readonly boolean[] | undefined> {
    if (kind === 'set') return this.#store.setMany(this.#namespace, writes, this.#options);
    await this.#store.deleteMany(this.#namespace, keys, this.#options);
    return undefined;
  }
}
