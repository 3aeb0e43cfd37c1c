import type { Timer } from './clock.js';
import type { ResolvedOptions } from './options.js';
import type { CacheStore, StoreSubscription } from './store.js';

/** What the cache does when it hears from other processes. */
export interface SubscriberEvents {
  invalidated(keys: readonly string[] | 'all', tags: readonly string[]): void;
  /** Others gave up claims of these keys. */
  released(keys: readonly string[]): void;
  /** Invalidations may have been missed. */
  connected(first: boolean): void;
  /** None arrive for the time being. */
  disconnected(): void;
}

/** Listens for invalidations by others for as long as the cache is open, however often the store goes away. */
export class Subscriber {
  readonly #store: CacheStore;
  readonly #options: ResolvedOptions;
  readonly #origin: string;
  readonly #events: SubscriberEvents;
  #subscription: StoreSubscription | undefined;
  #timer: Timer | undefined;
  #closed = false;
  #wasConnected = false;
  received = 0;
  connected = false;

  constructor(
    store: CacheStore,
    options: ResolvedOptions,
    origin: string,
    events: SubscriberEvents,
  ) {
    this.#store = store;
    this.#options = options;
    this.#origin = origin;
    this.#events = events;
    this.#begin();
  }

  #begin(): void {
    // Never rejects, and is not waited for when closing: a server that hangs must not hold that up.
    this.#start().catch(() => undefined);
  }

  async #start(): Promise<void> {
    try {
      const subscription = await this.#store.subscribe?.(this.#options.namespace, {
        onInvalidate: ({ origin, keys, tags = [], released = [] }) => {
          if (origin === this.#origin || this.#closed) return;
          if (released.length > 0) this.#events.released(released);
          if (keys.length === 0 && tags.length === 0) return;
          this.received += 1;
          this.#events.invalidated(keys, tags);
        },
        onConnect: () => {
          const first = !this.#wasConnected;
          this.#wasConnected = true;
          this.connected = true;
          if (!this.#closed) this.#events.connected(first);
        },
        onDisconnect: () => {
          this.connected = false;
          this.#events.disconnected();
        },
      });
      this.#subscription = subscription;
      if (this.#closed) await subscription?.close();
    } catch (err) {
      const { namespace, logger } = this.#options;
      logger.debug({ module: 'cache', namespace, err }, 'cannot subscribe to invalidations');
      this.#retry();
    }
  }

  #retry(): void {
    if (this.#closed) return;
    const { clock, resilience } = this.#options;
    this.#timer = clock.setTimeout(() => {
      this.#begin();
    }, resilience.retryAfterMs);
    this.#timer.unref();
  }

  /** Resolves when all that the store has told of so far has been heard; `false`: it cannot be made sure of. */
  async sync(): Promise<boolean> {
    const subscription = this.#subscription;
    if (subscription?.sync === undefined || !this.connected) return false;
    await subscription.sync();
    return this.connected;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.clear();
    await this.#subscription?.close();
  }
}
