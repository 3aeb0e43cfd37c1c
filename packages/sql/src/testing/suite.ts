import type { SqlDatabase } from '../database.js';

/** What the suite uses of an `expect`: Vitest's and Jest's both fit. */
export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: object): void;
  toBeInstanceOf(expected: new (...args: never[]) => unknown): void;
  toBeGreaterThan(expected: number): void;
  readonly rejects: { toMatchObject(expected: object): Promise<void> };
}

/** The functions of a test runner. */
export interface ConformanceRunner {
  describe(name: string, fn: () => void): unknown;
  it(name: string, fn: () => Promise<void>): unknown;
  beforeAll(fn: () => Promise<void>): unknown;
  afterAll(fn: () => Promise<void>): unknown;
  expect(value: unknown): Expectation;
}

/** What an engine may lack: `true`, or the reason why not. */
export interface SqlCapabilities {
  /** Statements run side by side, each transaction in a session of its own. */
  concurrentSessions: true | string;
  /** A statement that runs too long is ended. */
  statementTimeout: true | string;
}

/** The engine under test. */
export interface ConformanceTarget {
  name: string;
  /** Opens an empty database. */
  create(): Promise<SqlDatabase>;
  capabilities: SqlCapabilities;
}

/** What a part of the suite gets. */
export interface Suite extends ConformanceRunner {
  readonly capabilities: SqlCapabilities;
  /** The database of the suite; a function, because it is opened after the tests are declared. */
  readonly db: () => SqlDatabase;
  /** Another database, for tests that close it; closed at the end of the suite. */
  readonly open: () => Promise<SqlDatabase>;
}

/** A promise with its resolve function outside. */
export function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Waits until `check` holds; fails after five seconds. */
export async function eventually(check: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!check()) {
    if (Date.now() > end) throw new Error('This did not happen within 5 seconds');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
