import type { SqlDatabase, SqlRow, SqlTransaction } from '@holdfast/sql';
import { QueueError } from '../../errors.js';
import type { Statement } from './queries.js';
import type { PostgresTransaction } from './transactions.js';

/** Runs the store's statements, and says `QUEUE_STORE_UNAVAILABLE` where the database did not answer. */
export class Runner {
  readonly #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  /** In a transaction of the caller's, errors pass as they are: the database retries by their codes. */
  async query<Row extends SqlRow>(
    { text, values }: Statement,
    options?: { name?: string },
    tx?: PostgresTransaction,
  ): Promise<{ readonly rows: readonly Row[] }> {
    if (tx !== undefined) {
      const { rows } = isOurs(tx)
        ? await tx.query(text, values, options)
        : await tx.query(text, [...values]);
      return { rows: rows as Row[] };
    }
    return explained(() => this.#db.query<Row>(text, values, options));
  }

  /** A transaction of the store's own. */
  transaction<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return explained(() => this.#db.transaction(fn));
  }
}

/** Others may take a third argument for something else. */
function isOurs(tx: PostgresTransaction): tx is SqlTransaction {
  return 'afterCommit' in tx && 'transaction' in tx;
}

async function explained<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
    if (code === 'SQL_UNAVAILABLE' || code === 'SQL_TIMEOUT' || code === 'SQL_CLOSED') {
      throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The database did not answer', { cause });
    }
    throw cause;
  }
}
