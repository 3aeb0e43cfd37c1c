/** What L2 said about a key. */
export interface RemoteRead {
  /** The entry, if there is one. */
  readonly entry: RemoteEntry | undefined;
  readonly fence: string;
  /** Whether the store knows that the key was deleted. */
  readonly deleted?: true | undefined;
}

/** A live entry of L2. */
export interface RemoteEntry {
  readonly value: unknown;
  readonly createdAt: number;
  /** Until it is gone; during the last {@link graceMs} of it the entry is stale. */
  readonly remainingMs: number;
  readonly graceMs: number;
  readonly bytes: number;
  readonly tags: readonly string[];
  /** Where it was found, if not in the topmost of the tiers that were asked. */
  readonly tier?: 'l3';
}

/** Told once what L2 said; `undefined`: it cannot say. Does not throw. */
export type OnRead = (read: RemoteRead | undefined) => void;

/**
 * Reads asked for in one tick: they share one round trip, and equal keys share one read. Those who wait are called
 * rather than promised something: that halves what a read costs.
 */
export class ReadBatch {
  readonly #waiting = new Map<string, OnRead | OnRead[]>();

  constructor(flush: (batch: ReadBatch) => void) {
    process.nextTick(flush, this);
  }

  add(key: string, onRead: OnRead): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, onRead);
    else if (typeof waiting === 'function') this.#waiting.set(key, [waiting, onRead]);
    else waiting.push(onRead);
  }

  keys(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** Tells all who wait. `readOf` gets the place of a key in {@link keys}. */
  settle(readOf: (place: number) => RemoteRead | undefined): void {
    let place = 0;
    for (const waiting of this.#waiting.values()) {
      const read = readOf(place);
      place += 1;
      if (typeof waiting === 'function') waiting(read);
      else for (const onRead of waiting) onRead(read);
    }
  }
}
