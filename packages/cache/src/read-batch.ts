/** What L2 said about a key. */
export interface RemoteRead {
  /** The entry, if there is one. */
  readonly entry: RemoteEntry | undefined;
  readonly fence: string;
}

/** A live entry of L2. */
export interface RemoteEntry {
  readonly value: unknown;
  readonly createdAt: number;
  readonly remainingMs: number;
  readonly bytes: number;
}

/** Reads asked for in one tick: they share one round trip, and equal keys share one read. */
export class ReadBatch {
  readonly #keys = new Set<string>();
  readonly #result: Promise<ReadonlyMap<string, RemoteRead> | undefined>;

  constructor(flush: () => Promise<ReadonlyMap<string, RemoteRead> | undefined>) {
    this.#result = new Promise((resolve, reject) => {
      process.nextTick(() => flush().then(resolve, reject));
    });
  }

  async read(key: string): Promise<RemoteRead | undefined> {
    this.#keys.add(key);
    return (await this.#result)?.get(key);
  }

  keys(): readonly string[] {
    return [...this.#keys];
  }
}
