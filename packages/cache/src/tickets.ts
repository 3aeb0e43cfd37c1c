/** Held by an operation that may put a value into the cache later. */
export interface Ticket {
  /** Whether what the operation finds may still be stored: nobody invalidated the key since. */
  live: boolean;
  /** Whether it may go into L1: no invalidation by another process can have been missed since. */
  l1: boolean;
}

/**
 * The reads and loads in progress, by key. An invalidation ends their right to store what they find, which is what
 * keeps a value from coming back after it was deleted.
 */
export class Tickets {
  readonly #open = new Map<string, Set<Ticket>>();

  open(key: string): Ticket {
    const ticket: Ticket = { live: true, l1: true };
    const held = this.#open.get(key);
    if (held === undefined) this.#open.set(key, new Set([ticket]));
    else held.add(ticket);
    return ticket;
  }

  close(key: string, ticket: Ticket): void {
    const held = this.#open.get(key);
    if (held?.delete(ticket) === true && held.size === 0) this.#open.delete(key);
  }

  invalidate(key: string): void {
    const held = this.#open.get(key);
    if (held === undefined) return;
    for (const ticket of held) ticket.live = false;
    this.#open.delete(key);
  }

  invalidateAll(): void {
    for (const held of this.#open.values()) for (const ticket of held) ticket.live = false;
    this.#open.clear();
  }

  keepOutOfL1(): void {
    for (const held of this.#open.values()) for (const ticket of held) ticket.l1 = false;
  }

  /** Keys with an operation in progress. */
  get size(): number {
    return this.#open.size;
  }
}
