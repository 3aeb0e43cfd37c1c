/** Names of what is in progress, and how often each is. */
export class Counted {
  readonly #counts = new Map<string, number>();

  begin(names: readonly string[]): void {
    for (const name of names) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  end(names: readonly string[]): void {
    for (const name of names) {
      const left = (this.#counts.get(name) ?? 0) - 1;
      if (left > 0) this.#counts.set(name, left);
      else this.#counts.delete(name);
    }
  }

  has(name: string): boolean {
    return this.#counts.has(name);
  }
}
