// A small ledger on an embedded database: migrations, transactions, notifications, group commit.
import { groupCommit, insertMany, isSqlError, migrate, openDatabase } from '@holdfast/sql';

// { dataDir: './data' } keeps it, { url: 'postgres://…' } takes a server: the rest stays as it is.
const db = await openDatabase({ memory: true });

const applied = await migrate(db, {
  namespace: 'ledger',
  schema: 'ledger',
  migrations: [
    {
      id: '0001-accounts',
      up: (schema) =>
        `CREATE TABLE ${schema}.account (name text PRIMARY KEY, cents int CHECK (cents >= 0))`,
    },
    {
      id: '0002-visits',
      up: (schema) => `CREATE TABLE ${schema}.visit (page text, at timestamptz)`,
    },
  ],
});
console.log('migrations applied:', applied.join(', '));

await insertMany(db, {
  table: 'ledger.account',
  columns: { name: 'text', cents: 'int' },
  rows: [
    { name: 'ann', cents: 100 },
    { name: 'bob', cents: 0 },
  ],
});
await db.listen('transfers', (payload) => console.log('notified of', payload));

const transfer = (from, to, cents) =>
  db.transaction(async (tx) => {
    await tx.query('UPDATE ledger.account SET cents = cents - $2 WHERE name = $1', [from, cents]);
    await tx.query('UPDATE ledger.account SET cents = cents + $2 WHERE name = $1', [to, cents]);
    await tx.query("SELECT pg_notify('transfers', $1)", [`${cents} from ${from} to ${to}`]);
  });
await transfer('ann', 'bob', 70);
await transfer('ann', 'bob', 70).catch((error) => {
  if (isSqlError(error)) console.log(`refused: ${error.code} by ${error.details.constraint}`);
});
console.log('balances:', (await db.query('SELECT * FROM ledger.account ORDER BY name')).rows);
let commits = 0;
const visits = groupCommit({
  flush: async (rows) => {
    commits += 1;
    const columns = { page: 'text', at: 'timestamptz' };
    await insertMany(db, { table: 'ledger.visit', columns, rows });
    return rows.map(({ page }) => page);
  },
});
await Promise.all(
  Array.from({ length: 500 }, (_, n) => visits.add({ page: `/${n}`, at: new Date() })),
);
const { rows } = await db.query('SELECT count(*) AS visits FROM ledger.visit');
console.log(`${rows[0].visits} visits in ${commits} commit${commits === 1 ? '' : 's'}`);

console.log('closed:', await db.close().then(({ drained }) => (drained ? 'drained' : 'cut off')));
