import type { SqlExecutor } from './database.js';
import type { MigrationPlan } from './prepared-migrations.js';

/** A migration as recorded in the database. */
export interface Recorded {
  readonly id: string;
  readonly checksum: string;
  readonly appliedAt: Date;
}

/** Applied migrations of the namespace, oldest first; none where there is no table yet. */
export async function readRecorded(db: SqlExecutor, plan: MigrationPlan): Promise<Recorded[]> {
  const found = await db.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    plan.table,
  ]);
  if (found.rows[0]?.found !== true) return [];
  const { rows } = await db.query<{ id: string; checksum: string; applied_at: Date }>(
    `SELECT id, checksum, applied_at FROM ${plan.table} WHERE namespace = $1 ORDER BY number`,
    [plan.namespace],
  );
  return rows.map((row) => ({ id: row.id, checksum: row.checksum, appliedAt: row.applied_at }));
}

/** Keeps other migrations of the schema out until the transaction ends, of all namespaces: they share the table. */
export async function lockMigrations(tx: SqlExecutor, plan: MigrationPlan): Promise<void> {
  await tx.query(
    'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text',
    [`holdfast migrations ${plan.schema}`],
    { timeout: plan.timeoutMs },
  );
  // Only a statement that locks a relation takes note of what others committed to the catalog while this one waited:
  // without one, the schema that the process before has just made would still be missing.
  await tx.query('SELECT FROM pg_catalog.pg_namespace LIMIT 1');
}

/** Makes schema and table where they are missing. */
export async function createMigrationTable(tx: SqlExecutor, plan: MigrationPlan): Promise<void> {
  const { rows } = await tx.query<{ found: boolean }>(
    'SELECT to_regnamespace($1) IS NOT NULL AS found',
    [plan.schema],
  );
  // CREATE … IF NOT EXISTS asks for the right to create also when there is nothing to do.
  if (rows[0]?.found !== true) await tx.exec(`CREATE SCHEMA ${plan.schema}`);
  await tx.exec(`
    CREATE TABLE IF NOT EXISTS ${plan.table} (
      namespace text NOT NULL,
      id text NOT NULL,
      number bigint GENERATED ALWAYS AS IDENTITY,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (namespace, id)
    )`);
}
