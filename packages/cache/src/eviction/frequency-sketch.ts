/** Counters stop here: four bits tell the frequent from the rare. */
export const MAX_FREQUENCY = 15;

/** Places for keys that left, for each entry of the cache. */
const CELLS_AN_ENTRY = 4;

/** Every byte of four halved. */
const HALF = 0x7f7f7f7f;

/** Halves counters of one byte each, four at a time. */
export function halve(counters: Uint8Array): void {
  const words = new Uint32Array(counters.buffer, 0, counters.length >>> 2);
  for (let i = 0; i < words.length; i += 1) words[i] = ((words[i] as number) >>> 1) & HALF;
}

/** Bytes for so many counters, a multiple of four. */
export const counters = (count: number): Uint8Array => new Uint8Array((count + 3) & ~3);

/** A cell: twelve bits of the hash, then the count; no count means that the cell is free. */
const COUNT = 0xf;
const TAG = 0xfff0;

/**
 * Remembers about how often keys were read that are no longer kept: each has two places, and where both are taken by
 * others the rarer one gives way. So a key may be forgotten, but is hardly ever taken for one that is read often: in a
 * sketch of plain counters, keys of a long loop push up one another until they push out everything.
 */
export class FrequencySketch {
  readonly #cells: Uint16Array;
  readonly #mask: number;

  /** @param entries - of the cache */
  constructor(entries: number) {
    const size = 2 ** Math.min(28, Math.max(8, Math.ceil(Math.log2(entries * CELLS_AN_ENTRY))));
    this.#cells = new Uint16Array(size);
    this.#mask = size - 1;
  }

  /** 0: not known. */
  of(hash: number): number {
    const tag = tagOf(hash);
    const one = this.#cells[hash & this.#mask] as number;
    if ((one & TAG) === tag) return one & COUNT;
    const other = this.#cells[this.#second(hash)] as number;
    return (other & TAG) === tag ? other & COUNT : 0;
  }

  /** Notes how often a key was read, 1 to {@link MAX_FREQUENCY}. */
  set(hash: number, frequency: number): void {
    const tag = tagOf(hash);
    const first = hash & this.#mask;
    const second = this.#second(hash);
    const one = this.#cells[first] as number;
    const other = this.#cells[second] as number;
    let place = (one & COUNT) <= (other & COUNT) ? first : second;
    if ((one & TAG) === tag) place = first;
    else if ((other & TAG) === tag) place = second;
    const there = this.#cells[place] as number;
    if ((there & TAG) === tag || (there & COUNT) <= frequency) this.#cells[place] = tag | frequency;
    else this.#cells[place] = there - 1;
  }

  #second(hash: number): number {
    return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) & this.#mask;
  }

  halve(): void {
    const cells = this.#cells;
    for (let i = 0; i < cells.length; i += 1) {
      const cell = cells[i] as number;
      cells[i] = (cell & TAG) | ((cell & COUNT) >>> 1);
    }
  }
}

const tagOf = (hash: number): number => (hash >>> 16) & TAG;

/** 32 bits of a key, each depending on all of it. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
