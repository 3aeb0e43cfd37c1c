import { createHash } from 'node:crypto';
import { SqlError } from './errors.js';
import { quoteIdentifier } from './identifier.js';
import type { Recorded } from './migration-table.js';
import type { MigrationOptions } from './migrations.js';
import { invalidOption, milliseconds } from './options.js';

/** A migration as it runs. */
export interface PreparedMigration {
  readonly id: string;
  readonly up: string;
  readonly down: string | undefined;
  readonly checksum: string;
}

/** Checked options. */
export interface MigrationPlan {
  readonly namespace: string;
  /** Quoted. */
  readonly schema: string;
  /** Quoted, with its schema. */
  readonly table: string;
  readonly timeoutMs: number;
  readonly migrations: readonly PreparedMigration[];
}

/** Checks the options and renders the scripts. */
export function prepareMigrations(options: MigrationOptions): MigrationPlan {
  const { namespace } = options;
  if (typeof namespace !== 'string' || namespace === '') {
    throw invalidOption('namespace', 'a name', namespace);
  }
  const schema = quoteIdentifier(options.schema ?? 'holdfast', 'schema');
  const seen = new Set<string>();
  const migrations = options.migrations.map((migration, index): PreparedMigration => {
    const { id } = migration;
    if (typeof id !== 'string' || id === '' || seen.has(id)) {
      throw invalidOption(`migrations[${index}].id`, 'a name that no other migration has', id);
    }
    seen.add(id);
    const up = render(migration.up, schema);
    const down = migration.down === undefined ? undefined : render(migration.down, schema);
    return { id, up, down, checksum: checksumOf(up) };
  });
  const timeoutMs = milliseconds('timeout', options.timeout ?? '15m');
  return { namespace, schema, table: `${schema}."holdfast_migrations"`, timeoutMs, migrations };
}

/** What is pending. Refuses a history that these migrations could not have made. */
export function checkMigrations(
  plan: MigrationPlan,
  recorded: readonly Recorded[],
): PreparedMigration[] {
  const applied = new Map(recorded.map((record) => [record.id, record]));
  const pending: PreparedMigration[] = [];
  for (const migration of plan.migrations) {
    const record = applied.get(migration.id);
    if (record === undefined) {
      pending.push(migration);
      continue;
    }
    if (record.checksum !== migration.checksum) throw changed(plan, migration, record);
    const [skipped] = pending;
    if (skipped !== undefined) throw outOfOrder(plan, skipped, migration);
  }
  return pending;
}

function render(script: string | ((schema: string) => string), schema: string): string {
  return typeof script === 'string' ? script : script(schema);
}

/** Line endings do not count: a checkout may change them. */
function checksumOf(script: string): string {
  return createHash('sha256').update(script.replaceAll('\r\n', '\n')).digest('hex');
}

function changed(plan: MigrationPlan, migration: PreparedMigration, record: Recorded): SqlError {
  return new SqlError(
    'SQL_MIGRATION_CONFLICT',
    `Migration '${migration.id}' of '${plan.namespace}' was changed after it was applied on ${record.appliedAt.toISOString()}: ` +
      'restore it and put the change into a new migration',
    {
      details: {
        namespace: plan.namespace,
        id: migration.id,
        expected: record.checksum,
        received: migration.checksum,
      },
    },
  );
}

function outOfOrder(
  plan: MigrationPlan,
  skipped: PreparedMigration,
  applied: PreparedMigration,
): SqlError {
  return new SqlError(
    'SQL_MIGRATION_CONFLICT',
    `Migration '${skipped.id}' of '${plan.namespace}' comes before '${applied.id}', which is already applied: add it at the end`,
    { details: { namespace: plan.namespace, id: skipped.id, applied: applied.id } },
  );
}
