/** Tags remembered before what depends on them is brought up to date and they are forgotten. */
const MAX_REMEMBERED = 10_000;

/**
 * Which tags were invalidated, in the order of a generation that counts invalidations: what was stored at a generation
 * is out when one of its tags was invalidated after it. Invalidating takes the same time however many entries there
 * are, since nothing is done to them until they are read.
 */
export class TagLog {
  /** Counts invalidations. */
  generation = 0;
  readonly #invalidated = new Map<string, number>();
  readonly #dependents = new Set<() => void>();
  /** Of older generations nothing is known any more. */
  #floor = 0;

  /**
   * Registers what has to be brought up to date before tags are forgotten: after it nothing may ask of a generation
   * before the present one. Returns what ends it.
   */
  onForget(bringUpToDate: () => void): () => void {
    this.#dependents.add(bringUpToDate);
    return () => this.#dependents.delete(bringUpToDate);
  }

  invalidate(tags: readonly string[]): void {
    this.generation += 1;
    for (const tag of tags) this.#invalidated.set(tag, this.generation);
    if (this.#invalidated.size <= MAX_REMEMBERED) return;
    for (const bringUpToDate of this.#dependents) bringUpToDate();
    this.#invalidated.clear();
    this.#floor = this.generation;
  }

  /** Whether one of the tags was invalidated after a generation; also where that is not known any more. */
  invalidatedSince(tags: readonly string[], generation: number): boolean {
    if (generation === this.generation || tags.length === 0) return false;
    if (generation < this.#floor) return true;
    for (const tag of tags) if ((this.#invalidated.get(tag) ?? 0) > generation) return true;
    return false;
  }
}
