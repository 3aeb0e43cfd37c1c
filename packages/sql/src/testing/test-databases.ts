import { randomBytes } from 'node:crypto';
import type { SqlDatabase } from '../database.js';
import { openDatabase } from '../open.js';
import { buildTemplate, findTemplate, templateCache } from '../pglite/template.js';

/** An engine that tests can run on. */
export interface TestDatabase {
  readonly name: 'pglite' | 'postgres';
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string;
  /** Opens a fresh, empty database, which is dropped when the handle is closed. */
  open(): Promise<SqlDatabase>;
}

/**
 * The engines to run a suite on: PGlite in memory, always, and a real PostgreSQL where the environment variable
 * `TEST_POSTGRES_URL` names a server on which databases may be created.
 *
 * @example
 * ```ts
 * for (const engine of testDatabases()) {
 *   describe.skipIf(!engine.available)(engine.name, () => {
 *     let db: SqlDatabase;
 *     beforeAll(async () => { db = await engine.open(); });
 *     afterAll(() => db.close());
 *   });
 * }
 * ```
 */
export function testDatabases(): TestDatabase[] {
  const url = process.env.TEST_POSTGRES_URL;
  const pglite: TestDatabase = { name: 'pglite', available: true, open: openPglite };
  if (url === undefined || url === '') {
    const reason = 'TEST_POSTGRES_URL is not set: there is no PostgreSQL server to test on';
    const open = (): Promise<SqlDatabase> => Promise.reject(new Error(reason));
    return [pglite, { name: 'postgres', available: false, reason, open }];
  }
  return [pglite, { name: 'postgres', available: true, open: () => openPostgres(url) }];
}

async function openPglite(): Promise<SqlDatabase> {
  // Once a checkout: every later start unpacks the template, in a fifth of the time that initdb takes.
  if (findTemplate() === undefined) await buildTemplate(templateCache());
  return openDatabase({ memory: true });
}

async function openPostgres(server: string): Promise<SqlDatabase> {
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await onServer(server, `CREATE DATABASE ${name} TEMPLATE template0`);
  const db = await openDatabase({ url: url.href, pool: { max: 5 } });
  const close = db.close.bind(db);
  db.close = async (options) => {
    const report = await close(options);
    await onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    return report;
  };
  return db;
}

/** CREATE and DROP DATABASE refuse to run in a transaction: one statement each, on a connection of their own. */
async function onServer(server: string, statement: string): Promise<void> {
  const admin = await openDatabase({ url: server, pool: { max: 1 } });
  try {
    await admin.query(statement);
  } finally {
    await admin.close();
  }
}
