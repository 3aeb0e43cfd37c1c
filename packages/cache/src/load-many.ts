/** Makes the values of many keys at once. Keys that it leaves out have none. */
export type ManyFactory<T> = (keys: readonly string[]) => ManyValues<T> | Promise<ManyValues<T>>;

/** Values by key, such as a `Map`. */
export type ManyValues<T> = Iterable<readonly [key: string, value: T]>;

/** Turns factories of single keys that are run in one tick into one run of a factory of many. */
export class ManyLoad<T> {
  readonly #factory: ManyFactory<T>;
  #keys: string[] = [];
  #values: Promise<ReadonlyMap<string, T>> | undefined;

  constructor(factory: ManyFactory<T>) {
    this.#factory = factory;
  }

  /** The value of a key; `undefined` when there is none. */
  async load(key: string): Promise<T | undefined> {
    this.#keys.push(key);
    this.#values ??= new Promise((resolve, reject) => {
      process.nextTick(() => this.#run().then(resolve, reject));
    });
    return (await this.#values).get(key);
  }

  async #run(): Promise<ReadonlyMap<string, T>> {
    const keys = this.#keys;
    this.#keys = [];
    this.#values = undefined;
    return new Map(await this.#factory(keys));
  }
}
