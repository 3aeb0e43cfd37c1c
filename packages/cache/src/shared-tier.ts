import type { ClaimAnswer } from './claims.js';
import type { OnRead } from './read-batch.js';
import type { StoreClaim } from './store.js';
import type { SubscriberEvents } from './subscriber.js';

/** What the cache does when it hears from other processes. */
export type TierEvents = Pick<SubscriberEvents, 'invalidated' | 'connected'>;

/** A value on its way to a tier below L1. */
export interface RemoteWrite {
  readonly key: string;
  readonly value: unknown;
  readonly ttlMs: number;
  /** How many milliseconds after its time to live the value may still be served in place of an error or a wait. */
  readonly graceMs: number;
  readonly tags: readonly string[];
  readonly createdAt: number;
}

/** What is below L1, as the cache sees it: L2, L3, or one over the other. Nothing of it ever fails. */
export interface SharedTier {
  /** Begins to hear of invalidations by other processes, where the store can tell of them. */
  listen(events: TierEvents): void;
  /** Reads a key; reads of the same tick share one round trip. */
  read(key: string, onRead: OnRead): void;
  /**
   * Stores what a factory made, unless the key was changed by anyone since the fence was read. Does not wait.
   * @param ended - called when other processes find it, or are not going to
   */
  fill(write: RemoteWrite, fence: string, ended: () => void): void;
  /** The right to run the key's factory, which one process at a time has; `undefined`: it may run without. */
  claim(key: string, fence: string): Promise<ClaimAnswer>;
  /** Gives a claim up. Does not wait. */
  release(claim: StoreClaim): void;
  write(writes: readonly RemoteWrite[]): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  invalidateTags(tags: readonly string[]): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}
