import { LRUCache } from 'lru-cache';
import { unless, utimes } from './files.js';
import type { Slots } from './slots.js';

const FLUSH_MS = 1_000;
/** An entry read more often than this is as recent as one read once. */
const AGAIN_MS = 10_000;
const MOST = 10_000;

/**
 * Times of file systems are seconds of 32 bits at worst; an expiry beyond is kept in the entry alone, and the entry
 * seems to live until then.
 */
export const LAST_TIME_MS: number = (2 ** 31 - 1) * 1_000;

/** The times of an entry's file: when it was used last and when it expires, which the sweeper sees without opening it. */
export function fileTimes(usedAt: number, expiresAt: number): [atime: number, mtime: number] {
  return [usedAt / 1_000, Math.min(expiresAt, LAST_TIME_MS) / 1_000];
}

/** Notes which entries are read, and writes it to their files now and then: the order of eviction, for all processes. */
export class Stamps {
  readonly #slots: Slots;
  readonly #recent = new LRUCache<string, true>({ max: MOST, ttl: AGAIN_MS });
  #unwritten = new Map<string, { usedAt: number; expiresAt: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  note(file: string, usedAt: number, expiresAt: number): void {
    if (this.#recent.has(file)) return;
    this.#recent.set(file, true);
    this.#unwritten.set(file, { usedAt, expiresAt });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Never rejects: a stamp that is lost costs an entry its place in the order. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const stamps = this.#unwritten;
    this.#unwritten = new Map();
    const writes = [...stamps].map(([file, { usedAt, expiresAt }]) =>
      this.#slots.run(() => unless(utimes(file, ...fileTimes(usedAt, expiresAt)), 'ENOENT')),
    );
    await Promise.allSettled(writes);
  }
}
