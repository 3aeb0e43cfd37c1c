import type { TestRunner } from '../kit.js';
import type { FastCheck } from './arbitrary.js';

/** What the random tests need: a test runner, and `fast-check`. */
export interface ModelRunner extends TestRunner {
  /** The default export of `fast-check`, version 4. Its `configureGlobal` sets a seed, or a path to repeat. */
  readonly fc: FastCheck;
  it(name: string, fn: () => Promise<void>, timeoutMs?: number): unknown;
}

/** How long a random test may take; they take seconds with the defaults. */
export const TIMEOUT_MS = 900_000;
