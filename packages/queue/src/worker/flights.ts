import type { Attempt } from './attempt.js';
import type { PendingSettlement } from './report.js';

/**
 * An exchange without an answer for this part of a lease is overdue: its connection may be dead, and outcomes and leases
 * that are due wait for it no longer.
 */
const OVERDUE = 1 / 8;
/** An exchange is given up after half a lease, so that the other half is left to extend it; but not before this. */
const MIN_STALL_MS = 5_000;

/** An attempt whose lease is extended, and what it reports with that. */
export interface Renewal {
  readonly attempt: Attempt;
  readonly progress: string | undefined;
  /** Its outcome, where it has ended: the store settles before it extends, so that must wait. */
  readonly outcome?: PendingSettlement;
}

/** An exchange that was sent. */
export interface Flight {
  /** By the worker's clock. */
  readonly sentAt: number;
  readonly settle: readonly PendingSettlement[];
  readonly extend: readonly Renewal[];
  /** Tasks asked for. */
  readonly limit: number;
  /** Whether the worker waits at its queues for those that are not there. */
  readonly park: boolean;
}

/** The exchanges under way. */
export class Flights {
  readonly #awaited = new Set<Flight>();
  readonly #overdue = new Set<Flight>();
  #asked = 0;
  #newest: Flight | undefined;

  /** How many there are for which the next one may have to wait. */
  get awaited(): number {
    return this.#awaited.size;
  }

  /** How many there are in all. */
  get size(): number {
    return this.#awaited.size + this.#overdue.size;
  }

  get areOverdue(): boolean {
    return this.#overdue.size > 0;
  }

  /** Tasks that all of them asked for. */
  get asked(): number {
    return this.#asked;
  }

  add(flight: Flight): void {
    this.#awaited.add(flight);
    this.#asked += flight.limit;
    this.#newest = flight;
  }

  /** Whether none was sent after it. */
  isNewest(flight: Flight): boolean {
    return flight === this.#newest;
  }

  /** Whether it was still under way. */
  end(flight: Flight): boolean {
    if (!this.#awaited.delete(flight) && !this.#overdue.delete(flight)) return false;
    this.#asked -= flight.limit;
    return true;
  }

  /** Awaits no longer those that are overdue. Those to be given up. */
  hanging(now: number, leaseMs: number): Flight[] {
    for (const flight of this.#awaited) {
      if (now - flight.sentAt < leaseMs * OVERDUE) continue;
      this.#awaited.delete(flight);
      this.#overdue.add(flight);
    }
    const stallMs = Math.max(MIN_STALL_MS, leaseMs / 2);
    return [...this.#overdue, ...this.#awaited].filter(({ sentAt }) => now - sentAt >= stallMs);
  }
}
