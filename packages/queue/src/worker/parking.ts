import type { Clock } from '../clock.js';
import { hasFeature } from '../features.js';
import type { ClaimedTask, ExchangeReply, QueueStore } from '../store.js';

/** What {@link Parking} needs of a store. */
export type ParkingStore = Pick<QueueStore, 'name' | 'traits' | 'onHandover'>;

/** Tasks that the store leases to a worker which waits for them, as soon as they are enqueued. */
export class Parking {
  /** Whether the worker waits like that. */
  readonly isOffered: boolean;
  readonly #store: ParkingStore;
  readonly #worker: string;
  readonly #clock: Clock;
  /** Epochs of the claims that were handed over and are not settled, by id: one may come with a reply, too. */
  readonly #handed = new Map<string, number>();
  #parkedAt = 0;
  /** How far the worker's clock is behind the store's, at most. */
  #behindMs = 0;

  /**
   * `wanted`: not for batch handlers, whose batches are the larger the more tasks there are when the worker asks.
   */
  constructor(store: ParkingStore, worker: string, clock: Clock, wanted: boolean) {
    this.#store = store;
    this.#worker = worker;
    this.#clock = clock;
    this.isOffered = wanted && store.onHandover !== undefined && hasFeature(store, 'handover');
  }

  /** Begins to listen. `take` gets the claims and a time at which their leases had not begun, by the worker's clock. */
  async open(
    take: (claimed: readonly ClaimedTask[], leasedAt: number) => void,
  ): Promise<AsyncDisposable | undefined> {
    if (!this.isOffered) return undefined;
    return this.#store.onHandover?.(this.#worker, (claimed) => {
      const fresh = this.fresh(claimed);
      for (const { id, epoch } of fresh) this.#handed.set(id, epoch);
      if (fresh.length > 0) take(fresh, this.#leasedAt(fresh));
    });
  }

  /** Notes the answer to an exchange that parked the worker. */
  parked(reply: ExchangeReply, sentAt: number): void {
    this.#parkedAt = sentAt;
    this.#behindMs = reply.now - sentAt;
  }

  /** Those that were not handed over before. */
  fresh(claimed: readonly ClaimedTask[]): readonly ClaimedTask[] {
    if (this.#handed.size === 0) return claimed;
    return claimed.filter(({ id, epoch }) => this.#handed.get(id) !== epoch);
  }

  /** Forgets a claim that has ended. */
  ended(id: string): void {
    if (this.#handed.size > 0) this.#handed.delete(id);
  }

  /**
   * A task is handed over when it is enqueued, and after the worker was parked. It may come before the answer that
   * tells how far the clocks are apart: a store whose clock is ahead must not make the lease seem longer than it is.
   */
  #leasedAt(claimed: readonly ClaimedTask[]): number {
    let earliest = this.#clock.now();
    for (const { runAt } of claimed) earliest = Math.min(earliest, runAt - this.#behindMs);
    return Math.max(this.#parkedAt, earliest);
  }
}
