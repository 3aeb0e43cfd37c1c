import { AsyncLocalStorage } from 'node:async_hooks';
import { SqlError } from './errors.js';

/** A running transaction or savepoint, as seen by the code that runs inside it. */
export interface Scope {
  /** The database handle. */
  readonly owner: object;
  readonly parent: Scope | undefined;
  /** False once the transaction has ended; what it started may run on with this scope. */
  active: boolean;
}

const current = new AsyncLocalStorage<Scope>();

/** Runs `fn` so that code inside finds the scope. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  return current.run(scope, fn);
}

/** The scope of the code that runs now, whether or not it is still active. */
export function currentScope(): Scope | undefined {
  return current.getStore();
}

/** Whether the calling code runs inside `scope` or a savepoint of it. */
export function isInside(scope: Scope): boolean {
  for (let at = current.getStore(); at !== undefined; at = at.parent) if (at === scope) return true;
  return false;
}

/** Whether the calling code runs inside a transaction of `owner` that has not ended. */
export function isInsideTransactionOf(owner: object): boolean {
  for (let at = current.getStore(); at !== undefined; at = at.parent) {
    if (at.active && at.owner === owner) return true;
  }
  return false;
}

/** Refuses what would wait for the very transaction it is called from. */
export function refuseInsideTransaction(owner: object, what: string): void {
  if (!isInsideTransactionOf(owner)) return;
  throw new SqlError(
    'SQL_STATEMENT_INVALID',
    `${what} on the database handle inside one of its transactions would wait for itself on PGlite, which has one session: use \`tx\`, not \`db\`, inside a transaction`,
  );
}
