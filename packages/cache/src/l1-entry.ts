/** What is known of an entry in the memory of this process. */
export interface L1Entry {
  readonly createdAt: number;
  /** When it becomes stale. */
  readonly expiresAt: number;
  /** When it is gone; without grace the same. */
  readonly goneAt: number;
  readonly reads: number;
  readonly tags: readonly string[];
}

/** An entry that a plain hit does not answer: due to be renewed, or stale. */
export interface L1Late {
  readonly value: unknown;
  readonly stale: boolean;
  readonly createdAt: number;
  readonly goneAt: number;
  readonly tags: readonly string[];
}

/** What an entry may have besides its value and its time to live. */
export interface L1Extras {
  /** @defaultValue now */
  readonly createdAt?: number | undefined;
  /** Milliseconds after the time to live during which it is stale. @defaultValue 0 */
  readonly graceMs?: number;
  /** Milliseconds after which a hit is to renew it. @defaultValue the time to live */
  readonly refreshMs?: number;
  readonly tags?: readonly string[];
}
