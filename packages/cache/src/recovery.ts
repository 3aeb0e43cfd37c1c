import type { Timer } from './clock.js';
import type { Guard } from './guard.js';
import type { ResolvedOptions } from './options.js';
import type { RepairList } from './repair-list.js';
import type { CacheStore } from './store.js';
import type { TagLog } from './tag-log.js';

const KEYS_A_ROUND = 1_000;

/**
 * Brings a store back into use, in the background: asks whether it answers, deletes there what it may hold stale, and
 * only then lets reads through again.
 */
export class Recovery {
  readonly #guard: Guard;
  readonly #repairs: RepairList;
  readonly #store: CacheStore;
  readonly #options: ResolvedOptions;
  readonly #origin: string;
  readonly #tagLog: TagLog;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(
    guard: Guard,
    repairs: RepairList,
    store: CacheStore,
    options: ResolvedOptions,
    origin: string,
    tagLog: TagLog,
  ) {
    this.#guard = guard;
    this.#repairs = repairs;
    this.#store = store;
    this.#options = options;
    this.#origin = origin;
    this.#tagLog = tagLog;
    guard.onOpen = () => this.schedule();
  }

  /** Makes sure that an attempt will be made. */
  schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#running !== undefined) return;
    const delayMs = this.#options.resilience.retryAfterMs * (0.8 + Math.random() * 0.4);
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#attempt().finally(() => {
        this.#running = undefined;
        if (!this.#guard.closed || !this.#repairs.empty) this.schedule();
      });
    }, delayMs);
    this.#timer.unref();
  }

  async #attempt(): Promise<void> {
    await this.#guard.probe(async () => {
      await this.#guard.limit(() => this.#store.ping());
      // Changes that fail while this runs are left to the next attempt: they must not keep the circuit open.
      let rounds = Math.ceil(this.#repairs.size / KEYS_A_ROUND) + 1;
      while (rounds-- > 0 && !this.#repairs.empty) await this.#repairSome();
    });
  }

  async #repairSome(): Promise<void> {
    const { namespace } = this.#options;
    const options = { origin: this.#origin };
    const { keys, tags, settle } = this.#repairs.take(KEYS_A_ROUND);
    await this.#guard.limit(async () => {
      if (keys === 'all') return this.#store.clear(namespace, options);
      if (keys.length > 0) await this.#store.deleteMany(namespace, keys, options);
      if (tags.length > 0) await this.#store.invalidateTags(namespace, tags, options);
    });
    settle();
    // What was read before this, and arrives after it, may carry them still.
    if (tags.length > 0) this.#tagLog.invalidate(tags);
  }

  /** Stops; tries one last time when there is something to repair. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.clear();
    this.#timer = undefined;
    await this.#running;
    if (!this.#repairs.empty) await this.#attempt();
    if (this.#repairs.empty) return;
    const fields = { module: 'cache', namespace: this.#options.namespace };
    const lost = this.#repairs.wholeNamespace ? 'all' : this.#repairs.size;
    this.#options.logger.warn(
      { ...fields, keys: lost },
      'closed with changes that never reached the store: it may hold stale entries until they expire',
    );
  }
}
