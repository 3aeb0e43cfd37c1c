import type { Duration } from './duration.js';
import {
  DATE_RULE,
  dateMs,
  durationOption,
  integerOption,
  invalidOption,
  knownOptions,
  numberOption,
} from './options.js';

/** What to do after a failed attempt; `undefined` leaves it to the backoff. */
export type RetryDecision =
  | 'retry'
  | 'dead'
  | { readonly after: Duration }
  | { readonly at: Date }
  | undefined;

/** When a failed task runs again, and how often. */
export interface RetryPolicy {
  /**
   * Attempts altogether, the first included. From 1 to 1000.
   * @defaultValue 10
   */
  attempts?: number;
  /**
   * Wait before the second attempt.
   * @defaultValue `'1s'`
   */
  initial?: Duration;
  /**
   * The wait grows by this factor with each attempt. From 1 to 10.
   * @defaultValue 2
   */
  factor?: number;
  /**
   * Longest wait.
   * @defaultValue `'10m'`
   */
  max?: Duration;
  /**
   * Part of the wait that is random, so that tasks that failed together do not come back together: 0.2 waits
   * between 80 and 100 % of it. From 0 to 1.
   * @defaultValue 0.2
   */
  jitter?: number;
  /** Decides by the error. The limit of attempts holds whatever it says; when it throws, the backoff decides. */
  decide?: (error: unknown, context: { attempt: number; maxAttempts: number }) => RetryDecision;
}

/** A {@link RetryPolicy} with every value set. */
export interface ResolvedRetryPolicy {
  readonly attempts: number;
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
  readonly decide: RetryPolicy['decide'];
}

const DEFAULTS: ResolvedRetryPolicy = {
  attempts: 10,
  initialMs: 1_000,
  factor: 2,
  maxMs: 600_000,
  jitter: 0.2,
  decide: undefined,
};

/** Checks a policy and fills what it leaves open from `base`. */
export function resolveRetry(
  path: string,
  policy: RetryPolicy | undefined,
  base: ResolvedRetryPolicy = DEFAULTS,
): ResolvedRetryPolicy {
  knownOptions(path, policy, ['attempts', 'initial', 'factor', 'max', 'jitter', 'decide']);
  if (policy?.decide !== undefined && typeof policy.decide !== 'function') {
    throw invalidOption(`${path}.decide`, 'a function', policy.decide);
  }
  return {
    attempts: integerOption(`${path}.attempts`, policy?.attempts, base.attempts, [1, 1000]),
    initialMs: durationOption(`${path}.initial`, policy?.initial, base.initialMs),
    factor: numberOption(`${path}.factor`, policy?.factor, base.factor, [1, 10]),
    maxMs: durationOption(`${path}.max`, policy?.max, base.maxMs),
    jitter: numberOption(`${path}.jitter`, policy?.jitter, base.jitter, [0, 1]),
    decide: policy?.decide ?? base.decide,
  };
}

/** Wait after the given attempt (from 1): exponential, capped, then shortened by the jitter. */
export function backoffMs(
  policy: ResolvedRetryPolicy,
  attempt: number,
  random: () => number = Math.random,
): number {
  // The power may overflow to Infinity, and 0 times that is no number.
  const growth = Math.min(policy.factor ** (attempt - 1), Number.MAX_VALUE);
  const grown = policy.initialMs * growth;
  const capped = Math.min(policy.maxMs, grown);
  return capped * (1 - policy.jitter * random());
}

/** Thrown by a handler: the attempt failed, and the next one is due at the given time or after the given wait. */
export class RetryAt extends Error {
  override readonly name = 'RetryAt';
  readonly when: Date | Duration;

  constructor(
    when: Date | Duration,
    message: string = 'The handler asked to be run again',
    options?: { cause?: unknown },
  ) {
    super(message, options);
    if (when instanceof Date) {
      if (Number.isNaN(dateMs(when))) throw invalidOption('when', DATE_RULE, when);
    } else {
      durationOption('when', when, 0);
    }
    this.when = when;
  }
}

/** Thrown by a handler: trying again is useless. The task goes to the dead letters at once. */
export class UnrecoverableError extends Error {
  override readonly name = 'UnrecoverableError';
}

/** Whether a value is a {@link RetryAt}, of whichever copy of this package. */
export function isRetryAt(value: unknown): value is RetryAt {
  return value instanceof Error && value.name === 'RetryAt' && 'when' in value;
}

/** Whether a value is an {@link UnrecoverableError}, of whichever copy of this package. */
export function isUnrecoverableError(value: unknown): value is UnrecoverableError {
  return value instanceof Error && value.name === 'UnrecoverableError';
}
