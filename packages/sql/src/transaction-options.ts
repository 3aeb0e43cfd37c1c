import { setTimeout as sleep } from 'node:timers/promises';
import type { TransactionOptions } from './database.js';
import { invalidOption, wholeNumber } from './options.js';

const ISOLATION = ['read committed', 'repeatable read', 'serializable'] as const;
const SYNCHRONOUS_COMMIT = ['on', 'off'] as const;

function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw invalidOption(option, `one of ${allowed.join(', ')}`, value);
}

/** The script that begins the transaction, in one round trip, and how often to repeat it. */
export function resolveTransaction(options: TransactionOptions = {}): {
  begin: string;
  retries: number;
  lazyCommit: boolean;
} {
  const isolation = oneOf('isolation', options.isolation ?? 'read committed', ISOLATION);
  const commit = oneOf('synchronousCommit', options.synchronousCommit ?? 'on', SYNCHRONOUS_COMMIT);
  const retries = wholeNumber('retries', options.retries ?? 3, 0, 100);
  const access = options.readOnly ? 'READ ONLY' : 'READ WRITE';
  const begin = `BEGIN ISOLATION LEVEL ${isolation.toUpperCase()} ${access}`;
  if (commit === 'on') return { begin, retries, lazyCommit: false };
  return { begin: `${begin}; SET LOCAL synchronous_commit = off`, retries, lazyCommit: true };
}

const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 1_000;

/** Waits before attempt `attempt + 2`: a random time of an exponentially growing span, so that rivals part. */
export async function retryDelay(attempt: number): Promise<void> {
  const span = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  await sleep(Math.random() * span);
}
