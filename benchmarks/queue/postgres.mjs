import pg from 'pg';
import { now, pause } from './measure.mjs';

const withClient = async (url, use) => {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
};

/** The URL of another database of the server. */
export function databaseUrl(server, name) {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * A fresh database, copied from a template when one is given. What it costs the disk is over when this resolves.
 *
 * @returns its URL
 */
export async function freshDatabase(server, name, template) {
  await withClient(server, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}${template ? ` template ${template}` : ''}`);
    await client.query('checkpoint');
  });
  return databaseUrl(server, name);
}

/** Polls a query that gives `count` until that is none; resolves with the time. */
export const untilNone = (url, query) =>
  withClient(url, async (client) => {
    while ((await client.query(query)).rows[0].count > 0) await pause(2);
    return now();
  });

const VACUUM = `select (select count(*) from pg_stat_progress_vacuum)
  + (select count(*) from pg_stat_user_tables where n_dead_tup > 50000) as count`;
const VACUUM_PATIENCE_MS = 150_000;

/** Waits until the server's own vacuum has been where much was deleted, and what it wrote is on the disk. */
export const untilVacuumed = (url) =>
  withClient(url, async (client) => {
    // It looks every minute; nobody has to wait for that.
    await client.query(`alter system set autovacuum_naptime = '2s'`);
    await client.query('select pg_reload_conf()');
    const start = now();
    await pause(3_000); // the counters come a little later
    while (Number((await client.query(VACUUM)).rows[0].count) > 0) {
      if (now() - start > VACUUM_PATIENCE_MS) break;
      await pause(500);
    }
    await client.query('alter system reset autovacuum_naptime');
    await client.query('select pg_reload_conf()');
    await client.query('checkpoint');
  });
