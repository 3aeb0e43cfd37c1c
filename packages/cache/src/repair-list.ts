/**
 * Keys whose change did not reach the store, so that what it holds for them may be stale. Bounded: beyond the limit
 * the whole namespace counts.
 */
export class RepairList {
  readonly #max: number;
  /** Key to the number of its latest failure: a repair settles only failures from before it began. */
  readonly #keys = new Map<string, number>();
  #failures = 0;
  #namespaceFailure = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the store's entry of this key must not be used. */
  has(key: string): boolean {
    return this.#namespaceFailure > 0 || this.#keys.has(key);
  }

  get size(): number {
    return this.#keys.size;
  }

  get wholeNamespace(): boolean {
    return this.#namespaceFailure > 0;
  }

  get empty(): boolean {
    return this.#namespaceFailure === 0 && this.#keys.size === 0;
  }

  add(keys: readonly string[]): void {
    this.#failures += 1;
    for (const key of keys) this.#keys.set(key, this.#failures);
    if (this.#namespaceFailure > 0 || this.#keys.size > this.#max) this.addNamespace();
  }

  addNamespace(): void {
    this.#failures += 1;
    this.#namespaceFailure = this.#failures;
    this.#keys.clear();
  }

  /** What there is to repair now; `settle` is to be called once it is done. */
  take(limit: number): { keys: readonly string[] | 'all'; settle: () => void } {
    const upTo = this.#failures;
    if (this.#namespaceFailure > 0) {
      return {
        keys: 'all',
        settle: () => {
          if (this.#namespaceFailure <= upTo) this.#namespaceFailure = 0;
        },
      };
    }
    const keys = [...this.#keys.keys()].slice(0, limit);
    return {
      keys,
      settle: () => {
        for (const key of keys)
          if ((this.#keys.get(key) ?? upTo + 1) <= upTo) this.#keys.delete(key);
      },
    };
  }
}
