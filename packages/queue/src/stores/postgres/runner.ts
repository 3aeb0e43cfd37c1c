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
  query<Row extends SqlRow>(
    { text, values }: Statement,
    options?: { name?: string },
    tx?: PostgresTransaction,
  ): Promise<{ readonly rows: readonly Row[] }> {
    if (tx !== undefined) return joined(tx, text, values, options);
    return this.#db.query<Row>(text, values, options).catch(explained);
  }

  /** The store's clock. */
  async now(schema: string, tx?: PostgresTransaction): Promise<number> {
    const text = `select ${schema}.queue_ms(${schema}.queue_now()) as now`;
    const { rows } = await this.query<{ now: number }>({ text, values: [] }, undefined, tx);
    const [row] = rows;
    if (row === undefined) throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'There was no time');
    return row.now;
  }

  /** A transaction of the store's own. */
  transaction<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return this.#db.transaction(fn).catch(explained);
  }
}

/** Others may take a third argument for something else. */
function isOurs(tx: PostgresTransaction): tx is SqlTransaction {
  return 'afterCommit' in tx && 'transaction' in tx;
}

async function joined<Row extends SqlRow>(
  tx: PostgresTransaction,
  text: string,
  values: readonly unknown[],
  options: { name?: string } | undefined,
): Promise<{ readonly rows: readonly Row[] }> {
  const { rows } = isOurs(tx)
    ? await tx.query(text, values, options)
    : await tx.query(text, [...values]);
  return { rows: rows as Row[] };
}

/** Throws `QUEUE_STORE_UNAVAILABLE` for an error that says that the database did not answer, and any other as it is. */
export function explained(cause: unknown): never {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  if (code === 'SQL_UNAVAILABLE' || code === 'SQL_TIMEOUT' || code === 'SQL_CLOSED') {
    throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The database did not answer', { cause });
  }
  throw cause;
}
