import { openDatabase } from '../../src/index.js';

/** The server of the run; suites are skipped without one. */
export const POSTGRES_URL = process.env.TEST_POSTGRES_URL ?? '';

let count = 0;

/** A fresh database on the server: its URL, and what drops it. */
export async function freshDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  count += 1;
  const name = `holdfast_sql_${process.pid}_${count}_${Date.now().toString(36)}`;
  const onServer = async (statement: string): Promise<void> => {
    const admin = await openDatabase({ url: POSTGRES_URL });
    await admin.query(statement);
    await admin.close();
  };
  await onServer(`CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(POSTGRES_URL);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`) };
}
