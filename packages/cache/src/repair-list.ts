/** Part of what awaits repair. */
export interface Repair {
  readonly keys: readonly string[] | 'all';
  readonly tags: readonly string[];
  readonly settle: () => void;
}

/**
 * Keys and tags whose change did not reach the store, so that what it holds for them may be stale. Bounded: beyond the
 * limit the whole namespace counts.
 */
export class RepairList {
  readonly #max: number;
  /** Key or tag to the number of its latest failure: a repair settles only failures from before it began. */
  readonly #keys = new Map<string, number>();
  readonly #tags = new Map<string, number>();
  #failures = 0;
  #namespaceFailure = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the store's entry of this key must not be used. */
  has(key: string): boolean {
    return this.#namespaceFailure > 0 || this.#keys.has(key);
  }

  /** Whether an entry with these tags must not be used. */
  hasTag(tags: readonly string[]): boolean {
    return this.#tags.size > 0 && tags.some((tag) => this.#tags.has(tag));
  }

  /** Keys and tags. */
  get size(): number {
    return this.#keys.size + this.#tags.size;
  }

  get wholeNamespace(): boolean {
    return this.#namespaceFailure > 0;
  }

  get empty(): boolean {
    return this.#namespaceFailure === 0 && this.size === 0;
  }

  add(keys: readonly string[]): void {
    this.#add(this.#keys, keys);
  }

  addTags(tags: readonly string[]): void {
    this.#add(this.#tags, tags);
  }

  #add(list: Map<string, number>, names: readonly string[]): void {
    this.#failures += 1;
    for (const name of names) list.set(name, this.#failures);
    if (this.#namespaceFailure > 0 || this.size > this.#max) this.addNamespace();
  }

  addNamespace(): void {
    this.#failures += 1;
    this.#namespaceFailure = this.#failures;
    this.#keys.clear();
    this.#tags.clear();
  }

  /** What there is to repair now; `settle` is to be called once it is done. */
  take(limit: number): Repair {
    const upTo = this.#failures;
    if (this.#namespaceFailure > 0) {
      return {
        keys: 'all',
        tags: [],
        settle: () => {
          if (this.#namespaceFailure <= upTo) this.#namespaceFailure = 0;
        },
      };
    }
    const keys = [...this.#keys.keys()].slice(0, limit);
    const tags = [...this.#tags.keys()].slice(0, limit);
    const settle = (list: Map<string, number>, names: readonly string[]): void => {
      for (const name of names) if ((list.get(name) ?? upTo + 1) <= upTo) list.delete(name);
    };
    return {
      keys,
      tags,
      settle: () => {
        settle(this.#keys, keys);
        settle(this.#tags, tags);
      },
    };
  }
}
