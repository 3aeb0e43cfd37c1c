import type { QueryResult, SqlDatabase, SqlExecutor, SqlRow, SqlTransaction } from '@holdfast/sql';
import { QueueError } from '../../errors.js';
import type { Statement } from './queries.js';

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
    tx?: SqlExecutor,
  ): Promise<QueryResult<Row>> {
    if (tx !== undefined) return tx.query<Row>(text, values, options);
    return explained(() => this.#db.query<Row>(text, values, options));
  }

  /** A transaction of the store's own. */
  transaction<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return explained(() => this.#db.transaction(fn));
  }
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
