import type { ClaimedTask, ExchangeRequest, LeaseRef } from '../../store.js';

/** A row of `queue_lease`. */
interface Lease {
  readonly id: number;
  /** By the process's clock: long after this its tasks are somebody else's. */
  readonly until: number;
  /** Whether one of its tasks may be kept when it is completed. */
  readonly keeps: boolean;
  /** Tasks that are not settled, as far as this process knows. */
  left: number;
}

interface Held {
  readonly epoch: number;
  readonly lease: Lease;
}

/** Rows that are over wait for so many of their kind: none is in the way. */
const BATCH = 16;
const LOOK_EVERY = 1_000;

/**
 * Knows which row of `queue_lease` a task claimed by this process is in, so that a row whose tasks are all settled can go
 * early. What is not known here (another process settles, an answer was lost) goes when its time is over.
 */
export class Leases {
  readonly #held = new Map<string, Held>();
  #over: number[] = [];
  #added = 0;

  /** Rows to be deleted; each is named once. */
  takeOver(): number[] {
    if (this.#over.length < BATCH) return [];
    const over = this.#over;
    this.#over = [];
    return over;
  }

  /** Whether one of the tasks may be kept when it is completed. */
  mayKeep(leases: readonly LeaseRef[]): boolean {
    return leases.some((ref) => this.#find(ref)?.lease.keeps ?? true);
  }

  claimed(id: number, tasks: readonly ClaimedTask[], keeps: boolean, leaseMs: number): void {
    const lease = { id, until: performance.now() + leaseMs, keeps, left: tasks.length };
    for (const task of tasks) this.#held.set(task.id, { epoch: task.epoch, lease });
    this.#added += tasks.length;
    if (this.#added >= LOOK_EVERY + this.#held.size) this.#forget();
  }

  /**
   * Those extended are in a row of their own now, unless they are in a later one: answers may overtake one another, and
   * the last row made is the one that says until when a task is leased.
   */
  extended(
    id: number,
    { extend, leaseMs }: ExchangeRequest,
    well: (index: number) => boolean,
  ): void {
    const refs = extend.filter((_, index) => well(index));
    const until = performance.now() + leaseMs;
    const lease = { id, until, keeps: this.mayKeep(refs), left: refs.length };
    for (const ref of refs) {
      if ((this.#find(ref)?.lease.id ?? 0) > id) {
        this.#leave(lease);
        continue;
      }
      this.settled(ref);
      this.#held.set(ref.id, { epoch: ref.epoch, lease });
    }
  }

  /** The lease ended, or is in another row now. */
  settled(ref: LeaseRef): void {
    const held = this.#find(ref);
    if (held === undefined) return;
    this.#held.delete(ref.id);
    this.#leave(held.lease);
  }

  #leave(lease: Lease): void {
    if (--lease.left === 0) this.#over.push(lease.id);
  }

  #find({ id, epoch }: LeaseRef): Held | undefined {
    const held = this.#held.get(id);
    return held?.epoch === epoch ? held : undefined;
  }

  /** Leases that nobody settled or extended, such as those of a worker that was closed in a hurry. */
  #forget(): void {
    this.#added = 0;
    const now = performance.now();
    for (const [id, { lease }] of this.#held) if (lease.until < now) this.#held.delete(id);
  }
}
