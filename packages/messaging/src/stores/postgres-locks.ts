import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';

/**
 * Longest wait for a row that another transaction holds. They hold rows for milliseconds; who takes longer has been
 * frozen, or is a person with an open transaction. Above the second after which Postgres looks for deadlocks.
 */
const LOCK_TIMEOUT_MS = 2_000;

/** SQLSTATE `lock_not_available`. */
const LOCK_NOT_AVAILABLE = '55P03';

/** A transaction that fails rather than wait long for a row. The embedded engine has one connection: nobody waits there. */
export function impatientTransaction<T>(
  db: SqlDatabase,
  work: (tx: SqlTransaction) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    if (db.engine === 'postgres') await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    return work(tx);
  });
}

/** Whether somebody else held a row for too long. */
export function isLockTimeout(error: unknown): error is Error {
  if (!(error instanceof Error) || !('details' in error)) return false;
  const { details } = error;
  return (
    typeof details === 'object' &&
    details !== null &&
    'sqlState' in details &&
    details.sqlState === LOCK_NOT_AVAILABLE
  );
}
