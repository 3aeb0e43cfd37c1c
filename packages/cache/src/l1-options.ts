import type { Duration } from './duration.js';
import { checkKnown, duration, integer, MAX_TTL_MS, optionInvalid } from './option-checks.js';

/** How the memory of this process decides what to keep. */
export type L1Policy = 'lru' | 'tinylfu';

/** The tier in the memory of this process. */
export interface L1Options {
  /**
   * Most entries kept; beyond it the policy says which one leaves.
   * @defaultValue 10,000
   */
  maxEntries?: number;
  /**
   * Which entry leaves to make room. `'lru'`: the least recently used one. `'tinylfu'`: one that is read rarely, so
   * that scans and loops over many keys do not push out what is read often; it keeps more of what is asked for in
   * most traces, and takes about 25 bytes more an entry.
   * @defaultValue `'lru'`
   */
  policy?: L1Policy;
  /**
   * Most bytes kept, as measured by `sizeOf`. An entry that is larger by itself is not kept.
   * @defaultValue no limit by bytes
   */
  maxBytes?: number;
  /**
   * Bytes of an entry. Called for each write when `maxBytes` is set.
   * @defaultValue an estimate that walks the value
   */
  sizeOf?: (value: unknown, key: string) => number;
  /**
   * Longest time an entry stays in L1, whatever its own time to live. It bounds how long this process may serve what
   * another one changed while invalidations did not arrive.
   * @defaultValue the entry's time to live
   */
  ttl?: Duration;
}

export interface ResolvedL1 {
  readonly maxEntries: number;
  readonly policy: L1Policy;
  readonly maxBytes: number | undefined;
  readonly sizeOf: ((value: unknown, key: string) => number) | undefined;
  readonly ttlMs: number;
}

/** Checks and completes the options of L1. */
export function resolveL1(options: L1Options): ResolvedL1 {
  checkKnown(options, 'l1', ['maxEntries', 'policy', 'maxBytes', 'sizeOf', 'ttl']);
  const { maxEntries = 10_000, policy = 'lru', maxBytes, sizeOf, ttl } = options;
  if (policy !== 'lru' && policy !== 'tinylfu') {
    throw optionInvalid('l1.policy', "'lru' or 'tinylfu'", policy);
  }
  if (sizeOf !== undefined && typeof sizeOf !== 'function') {
    throw optionInvalid('l1.sizeOf', 'a function', sizeOf);
  }
  return {
    maxEntries: integer('l1.maxEntries', maxEntries, 2 ** 30),
    policy,
    maxBytes:
      maxBytes === undefined
        ? undefined
        : integer('l1.maxBytes', maxBytes, Number.MAX_SAFE_INTEGER),
    sizeOf,
    ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : duration('l1.ttl', ttl, 1, MAX_TTL_MS),
  };
}
