import type { SqlDatabase, SqlTransaction } from './database.js';
import type { Duration } from './duration.js';
import { isSqlError, SqlError } from './errors.js';
import {
  createMigrationTable,
  lockMigrations,
  type Recorded,
  readRecorded,
} from './migration-table.js';
import {
  checkMigrations,
  type PreparedMigration,
  prepareMigrations,
} from './prepared-migrations.js';

/** One step of a schema. Its script runs in a transaction of its own. */
export interface Migration {
  /** Unique in the namespace, never changed: `'0001-jobs'`. */
  id: string;
  /** SQL script, or what makes it for a schema, whose name it gets quoted. Never changed once released. */
  up: string | ((schema: string) => string);
  /** Undoes `up`. */
  down?: string | ((schema: string) => string);
}

/** Options of {@link migrate}, {@link migrateDown} and {@link migrationStatus}. */
export interface MigrationOptions {
  /** Whose migrations these are, such as `'queue'`: each namespace has its own sequence. */
  namespace: string;
  /** All migrations of the namespace, oldest first. */
  migrations: readonly Migration[];
  /**
   * Schema of the tables and of the record (`<schema>.holdfast_migrations`); made when it is missing.
   * @defaultValue `'holdfast'`
   */
  schema?: string;
  /**
   * Longest time of one migration, and of the wait for another process that migrates.
   * @defaultValue `'15m'`
   */
  timeout?: Duration;
}

/** State of a namespace. */
export interface MigrationStatus {
  /** In the order they were applied; `known` is false for those of a newer version of the code. */
  readonly applied: readonly { id: string; appliedAt: Date; known: boolean }[];
  /** Ids that `migrate` would apply, in order. */
  readonly pending: readonly string[];
}

/**
 * Applies what is pending, oldest first, each migration with its record in one transaction. Safe to call from many
 * processes at once. Applied migrations that the code does not know are left alone: they are of a newer version.
 *
 * @returns ids of the migrations that this call applied
 * @throws SqlError `SQL_MIGRATION_CONFLICT` when an applied migration was changed or one was inserted before it
 */
export async function migrate(db: SqlDatabase, options: MigrationOptions): Promise<string[]> {
  const plan = prepareMigrations(options);
  // Without a lock: the usual start finds nothing to do and must wait for nobody.
  if (checkMigrations(plan, await readRecorded(db, plan)).length === 0) return [];
  const applied: string[] = [];
  for (;;) {
    const id = await db.transaction((tx) => applyNext(tx, plan));
    if (id === undefined) return applied;
    applied.push(id);
  }
}

/**
 * Undoes the migration applied last.
 *
 * @returns its id, or null when none is applied
 * @throws SqlError `SQL_MIGRATION_CONFLICT` when the code does not know it, knows it otherwise, or has no `down` for it
 */
export async function migrateDown(
  db: SqlDatabase,
  options: MigrationOptions,
): Promise<string | null> {
  const plan = prepareMigrations(options);
  return db.transaction(async (tx) => {
    await lockMigrations(tx, plan);
    const recorded = await readRecorded(tx, plan);
    checkMigrations(plan, recorded);
    const last = recorded.at(-1);
    if (last === undefined) return null;
    await tx.exec(downOf(plan.migrations, last, plan.namespace), { timeout: plan.timeoutMs });
    await tx.query(`DELETE FROM ${plan.table} WHERE namespace = $1 AND id = $2`, [
      plan.namespace,
      last.id,
    ]);
    return last.id;
  });
}

/** What is applied and what is pending. Changes nothing. */
export async function migrationStatus(
  db: SqlDatabase,
  options: MigrationOptions,
): Promise<MigrationStatus> {
  const plan = prepareMigrations(options);
  const recorded = await readRecorded(db, plan);
  const known = new Set(plan.migrations.map(({ id }) => id));
  return {
    applied: recorded.map(({ id, appliedAt }) => ({ id, appliedAt, known: known.has(id) })),
    pending: checkMigrations(plan, recorded).map(({ id }) => id),
  };
}

async function applyNext(
  tx: SqlTransaction,
  plan: ReturnType<typeof prepareMigrations>,
): Promise<string | undefined> {
  await lockMigrations(tx, plan);
  await createMigrationTable(tx, plan);
  // Read again under the lock: another process may have been faster.
  const [next] = checkMigrations(plan, await readRecorded(tx, plan));
  if (next === undefined) return undefined;
  await tx.exec(next.up, { timeout: plan.timeoutMs }).catch((error: unknown) => {
    throw named(error, plan.namespace, next.id);
  });
  await tx.query(`INSERT INTO ${plan.table} (namespace, id, checksum) VALUES ($1, $2, $3)`, [
    plan.namespace,
    next.id,
    next.checksum,
  ]);
  return next.id;
}

/** The error of a script, which itself does not say whose it was. */
function named(error: unknown, namespace: string, id: string): unknown {
  if (!isSqlError(error)) return error;
  return new SqlError(error.code, `Migration '${id}' of '${namespace}' failed: ${error.message}`, {
    cause: error,
    details: { ...error.details, namespace, migration: id },
  });
}

function downOf(
  migrations: readonly PreparedMigration[],
  last: Recorded,
  namespace: string,
): string {
  const migration = migrations.find(({ id }) => id === last.id);
  if (migration?.down !== undefined) return migration.down;
  const why =
    migration === undefined ? 'is not known to this version of the code' : 'has no `down`';
  throw new SqlError(
    'SQL_MIGRATION_CONFLICT',
    `Migration '${last.id}' of '${namespace}' cannot be undone: it ${why}`,
    { details: { namespace, id: last.id } },
  );
}
