/**
 * Decides which entry leaves the memory tier when there is no room. Entries are known by the number of their slot,
 * from 1; slot 0 is never used. Nothing here allocates while entries are read.
 */
export interface EvictionPolicy {
  /** A new entry. */
  add(slot: number, key: string): void;
  /** The entry was read, or written again. */
  touch(slot: number): void;
  /** The entry is gone: deleted, expired, or chosen by {@link victim}. */
  remove(slot: number): void;
  /**
   * The entry that is to leave; the caller removes it. Called only while there are entries.
   * @param written - what has just been written: it stays while there is another one
   */
  victim(written: number): number;
  /** Makes room for slots below this number. */
  grow(capacity: number): void;
}

/** Copies an array of slots into a longer one. */
export function longer<T extends Int32Array | Uint8Array | Uint32Array | Float64Array>(
  array: T,
  create: (capacity: number) => T,
  capacity: number,
): T {
  const copy = create(capacity);
  copy.set(array);
  return copy;
}
