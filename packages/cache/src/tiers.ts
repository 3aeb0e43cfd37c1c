import type { ClaimAnswer } from './claims.js';
import type { Clock } from './clock.js';
import { MemoryTier } from './memory-tier.js';
import type { ResolvedNamespace } from './options.js';
import type { RemoteEntry, RemoteRead } from './read-batch.js';
import type { Realm } from './realm.js';
import { type Scope, tagsWithoutScopes } from './scope.js';
import type { RemoteWrite, SharedTier } from './shared-tier.js';
import type { StoreClaim } from './store.js';
import { type Ticket, Tickets } from './tickets.js';
import { type ValueSchema, validated } from './value-schema.js';
import type { EntryPlan } from './write-options.js';

/** A value past its time to live that may be served in place of an error or of a wait. */
export interface Stale {
  readonly value: unknown;
  readonly createdAt: number;
  readonly goneAt: number;
  readonly tags: readonly string[];
}

/** A value and what is to become of it. */
export interface Made extends EntryPlan {
  readonly value: unknown;
}

const NOTHING: Promise<undefined> = Promise.resolve(undefined);

/**
 * The tiers of one namespace, and what is in progress between them. Whoever reads or makes a value holds a ticket for
 * its key: an invalidation ends the right to keep what was found.
 */
export class Tiers {
  readonly l1: MemoryTier | undefined;
  readonly shared: SharedTier | undefined;
  readonly scope: Scope;
  readonly #realm: Realm;
  readonly #clock: Clock;
  readonly #refreshAhead: number;
  readonly #tickets: Tickets;
  readonly #schema: ValueSchema<unknown> | undefined;
  /** Reads of this namespace that the tiers below answered; `missed`: none of them; `invalid`: what did not
   * fit the schema. */
  readonly below = { l2: 0, l3: 0, missed: 0, invalid: 0 };

  constructor(realm: Realm, scope: Scope, options: ResolvedNamespace) {
    const { clock } = realm.options;
    this.#realm = realm;
    this.#clock = clock;
    this.#refreshAhead = options.writes.refreshAhead;
    this.#tickets = new Tickets(realm.tagLog);
    this.scope = scope;
    this.#schema = options.schema;
    this.shared = realm.shared;
    if (options.l1 !== undefined) this.l1 = new MemoryTier(options.l1, clock, realm.tagLog);
  }

  openTicket(key: string): Ticket {
    return this.#tickets.open(key);
  }

  closeTicket(key: string, ticket: Ticket): void {
    this.#tickets.close(key, ticket);
  }

  /** Whether no tag at all was invalidated since the ticket was opened. */
  isCurrent(ticket: Ticket): boolean {
    return ticket.generation === this.#realm.tagLog.generation;
  }

  /** Whether one of the tags was invalidated since the ticket was opened. */
  outdated(ticket: Ticket, tags: readonly string[]): boolean {
    return this.#realm.tagLog.invalidatedSince(tags, ticket.generation);
  }

  /** Whether a value with these tags that was found under the ticket may be kept. */
  holds(ticket: Ticket, tags: readonly string[]): boolean {
    return ticket.live && !this.outdated(ticket, tags);
  }

  /** Nothing is kept in this process any more, whatever is in progress. */
  closeL1(): void {
    this.l1?.close();
    this.#tickets.keepOutOfL1();
  }

  /** Asks the tiers below, without keeping what they say. `undefined`: they cannot say. */
  readShared(key: string, onRead: (read: RemoteRead | undefined) => void): void {
    const { shared } = this;
    const schema = this.#schema;
    const full = this.scope.prefix + key;
    if (shared === undefined) onRead(undefined);
    else if (schema === undefined) shared.read(full, onRead);
    else shared.read(full, (read) => onRead(read && this.#fitting(read, schema)));
  }

  /** A value that the schema does not take counts as absent. */
  #fitting(read: RemoteRead, schema: ValueSchema<unknown>): RemoteRead {
    if (read.entry === undefined) return read;
    const value = validated(schema, read.entry.value);
    if (value !== undefined) return { ...read, entry: { ...read.entry, value } };
    this.below.invalid += 1;
    return { ...read, entry: undefined };
  }

  /** What the tiers below have fresh. */
  get(key: string): Promise<unknown> {
    if (this.shared === undefined) return NOTHING;
    const ticket = this.openTicket(key);
    return new Promise((resolve, reject) => {
      this.readShared(key, (read) => {
        try {
          resolve(this.#freshOf(key, read, ticket));
        } catch (err) {
          reject(err);
        } finally {
          this.closeTicket(key, ticket);
        }
      });
    });
  }

  #freshOf(key: string, read: RemoteRead | undefined, ticket: Ticket): unknown {
    const entry = read?.entry;
    if (entry !== undefined && entry.remainingMs > entry.graceMs) {
      this.backfill(key, entry, ticket, this.#refreshAhead);
      return entry.value;
    }
    if (read !== undefined) this.below.missed += 1;
    return undefined;
  }

  /**
   * Keeps in L1 what a tier below had, for the time that remains.
   * @param refreshAhead - the share of that time after which a hit renews it
   */
  backfill(key: string, entry: RemoteEntry, ticket: Ticket, refreshAhead: number): void {
    if (entry.tier === 'l3' || this.#realm.l2 === undefined) this.below.l3 += 1;
    else this.below.l2 += 1;
    const tags = tagsWithoutScopes(entry.tags);
    if (!ticket.l1 || !this.holds(ticket, entry.tags)) return;
    const ttlMs = entry.remainingMs - entry.graceMs;
    const { createdAt, graceMs } = entry;
    const refreshMs = ttlMs * refreshAhead;
    this.l1?.set(key, entry.value, ttlMs, { createdAt, graceMs, refreshMs, tags });
  }

  /**
   * Keeps what a factory made. The caller has made sure that the ticket holds.
   * @param ended - called when L2 has it, or is not to have it
   */
  fill(
    key: string,
    made: Made,
    ticket: Ticket,
    fence: string | undefined,
    ended: () => void,
  ): void {
    if (made.ttlMs === 0) {
      ended();
      return;
    }
    const createdAt = this.#clock.now();
    if (ticket.l1) this.#keep(key, made, createdAt);
    if (fence === undefined || this.shared === undefined) ended();
    else this.shared.fill(this.#remote(key, made, createdAt), fence, ended);
  }

  /** The right to run the key's factory, which one process at a time has; `undefined`: it may run without. */
  async claim(key: string, fence: string): Promise<ClaimAnswer> {
    return this.shared?.claim(this.scope.prefix + key, fence);
  }

  release(claim: StoreClaim | undefined): void {
    if (claim !== undefined) this.shared?.release(claim);
  }

  /** Lets a value answer hits for some time as it is: its factory has just failed. */
  prolong(key: string, stale: Stale, ticket: Ticket, ms: number): void {
    if (!ticket.l1 || !this.holds(ticket, stale.tags)) return;
    if (this.l1?.hold(key, ms) === true) return;
    const leftMs = stale.goneAt - this.#clock.now();
    if (leftMs <= 0) return;
    const ttlMs = Math.min(ms, leftMs);
    const { createdAt, tags } = stale;
    this.l1?.set(key, stale.value, ttlMs, { createdAt, graceMs: leftMs - ttlMs, tags });
  }

  /** {@link setMany} of one entry; where there is only L1, done when it returns. */
  set(key: string, made: Made): Promise<void> | undefined {
    if (this.shared !== undefined) return this.setMany([{ key, ...made }]);
    this.#tickets.invalidate(key);
    if (made.ttlMs === 0) this.l1?.delete(key);
    else this.#keep(key, made, undefined);
    return undefined;
  }

  /** Sets values in place of older ones. Those without a time to live are deleted. */
  async setMany(entries: readonly (Made & { readonly key: string })[]): Promise<void> {
    const createdAt = this.#clock.now();
    for (const { key } of entries) this.#tickets.invalidate(key);
    const kept = entries.filter(({ ttlMs }) => ttlMs > 0);
    const dropped = entries.filter(({ ttlMs }) => ttlMs === 0).map(({ key }) => key);
    for (const key of dropped) this.l1?.delete(key);
    for (const entry of kept) this.#keep(entry.key, entry, createdAt);
    if (this.shared === undefined) return;
    const writes = kept.map((entry) => this.#remote(entry.key, entry, createdAt));
    await Promise.all([this.shared.write(writes), this.shared.remove(this.#full(dropped))]);
  }

  #keep(key: string, made: Made, createdAt: number | undefined): void {
    const { value, ttlMs, graceMs, refreshAhead, tags } = made;
    if (graceMs === 0 && tags.length === 0 && refreshAhead === 1) {
      this.l1?.set(key, value, ttlMs);
      return;
    }
    const refreshMs = ttlMs * refreshAhead;
    this.l1?.set(key, value, ttlMs, { createdAt, graceMs, refreshMs, tags });
  }

  #remote(key: string, { value, ttlMs, graceMs, tags }: Made, createdAt: number): RemoteWrite {
    const all = this.scope.tags.length === 0 ? tags : [...this.scope.tags, ...tags];
    return { key: this.scope.prefix + key, value, ttlMs, graceMs, tags: all, createdAt };
  }

  #full(keys: readonly string[]): string[] {
    return keys.map((key) => this.scope.prefix + key);
  }

  async delete(keys: readonly string[]): Promise<void> {
    this.forget(keys);
    await this.shared?.remove(this.#full([...new Set(keys)]));
  }

  /** Everything in this namespace and in those nested in it. The caller has made all of them forget. */
  async clear(): Promise<void> {
    const own = this.scope.tags.at(-1);
    if (own === undefined) await this.shared?.clear();
    else await this.shared?.invalidateTags([own]);
  }

  /** Forgets what this process holds, or is about to hold, of these keys. */
  forget(keys: readonly string[] | 'all'): void {
    if (keys === 'all') {
      this.l1?.clear();
      this.#tickets.invalidateAll();
      return;
    }
    for (const key of keys) {
      this.l1?.delete(key);
      this.#tickets.invalidate(key);
    }
  }

  /**
   * Nothing that L1 holds, or is about to get, is certain. Loads in progress still share their result through L2,
   * where a missed invalidation has passed their fence.
   */
  distrustL1(): void {
    this.l1?.clear();
    this.#tickets.keepOutOfL1();
  }

  /** An entry of L2 as what may be served stale. */
  staleFrom(entry: RemoteEntry): Stale {
    const { value, createdAt, remainingMs } = entry;
    const goneAt = this.#clock.now() + remainingMs;
    return { value, createdAt, goneAt, tags: tagsWithoutScopes(entry.tags) };
  }
}
