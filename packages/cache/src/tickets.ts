import type { TagLog } from './tag-log.js';

/** Held by an operation that may put a value into the cache later. */
export interface Ticket {
  /** Whether what the operation finds may still be stored: nobody invalidated the key since. */
  live: boolean;
  /** Whether it may go into L1: no invalidation by another process can have been missed since. */
  l1: boolean;
  /** Counts the invalidations of tags before it was opened. */
  readonly generation: number;
  /** The one of the same key that was opened before. */
  next: Ticket | undefined;
}

/**
 * The reads and loads in progress, by key. An invalidation ends their right to store what they find, which is what
 * keeps a value from coming back after it was deleted.
 */
export class Tickets {
  /** The latest of each key: the others hang on it, since there is rarely more than one. */
  readonly #open = new Map<string, Ticket>();
  readonly #tagLog: TagLog;

  constructor(tagLog: TagLog) {
    this.#tagLog = tagLog;
  }

  open(key: string): Ticket {
    const { generation } = this.#tagLog;
    const ticket: Ticket = { live: true, l1: true, generation, next: this.#open.get(key) };
    this.#open.set(key, ticket);
    return ticket;
  }

  close(key: string, ticket: Ticket): void {
    const latest = this.#open.get(key);
    if (latest === ticket) {
      if (ticket.next === undefined) this.#open.delete(key);
      else this.#open.set(key, ticket.next);
      return;
    }
    for (let held = latest; held !== undefined; held = held.next) {
      if (held.next !== ticket) continue;
      held.next = ticket.next;
      return;
    }
  }

  invalidate(key: string): void {
    for (let held = this.#open.get(key); held !== undefined; held = held.next) held.live = false;
    this.#open.delete(key);
  }

  invalidateAll(): void {
    this.#each((ticket) => {
      ticket.live = false;
    });
    this.#open.clear();
  }

  keepOutOfL1(): void {
    this.#each((ticket) => {
      ticket.l1 = false;
    });
  }

  #each(change: (ticket: Ticket) => void): void {
    for (const latest of this.#open.values()) {
      for (let held: Ticket | undefined = latest; held !== undefined; held = held.next) {
        change(held);
      }
    }
  }

  /** Keys with an operation in progress. */
  get size(): number {
    return this.#open.size;
  }
}
