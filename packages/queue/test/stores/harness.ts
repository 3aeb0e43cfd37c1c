import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import { postgresStore } from '../../src/stores/postgres.js';
import type { StoreHarness } from '../../src/testing.js';

const SCHEMA = 'queue_test';
const TABLES = [
  ...[
    'task',
    'lease',
    'parked',
    'finished',
    'key',
    'setting',
    'group',
    'rate',
    'child',
    'schedule',
  ],
  ...['event', 'event_floor', 'minute'],
];
const START = '2026-01-01T00:00:00Z';

/** Makes the store's clock stand still until it is moved, so that time in a test costs none. */
export async function freezeClock(db: SqlDatabase): Promise<void> {
  await postgresStore(db, { schema: SCHEMA }).migrate();
  await db.exec(`
    create table if not exists ${SCHEMA}.test_clock (at timestamptz not null);
    create or replace function ${SCHEMA}.queue_now() returns timestamptz language sql volatile
      as $$ select at from ${SCHEMA}.test_clock $$;
  `);
}

/** An empty store on a database whose clock was frozen. */
export async function frozenStore(db: SqlDatabase): Promise<StoreHarness<SqlTransaction>> {
  await db.exec(`
    truncate ${TABLES.map((table) => `${SCHEMA}.queue_${table}`).join(', ')} restart identity;
    delete from ${SCHEMA}.test_clock;
    insert into ${SCHEMA}.test_clock values ('${START}');
  `);
  const store = postgresStore(db, { schema: SCHEMA });
  return {
    store,
    advance: async (ms) => {
      const text = `update ${SCHEMA}.test_clock set at = at + $1::float8 * interval '1 millisecond'`;
      await db.query(text, [ms]);
    },
    transaction: (fn) => db.transaction(fn),
    close: () => store.close(),
  };
}
