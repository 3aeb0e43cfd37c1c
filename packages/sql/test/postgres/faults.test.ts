import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TcpProxy, tcpProxy } from '../../../../test-services/tcp-proxy.js';
import { openDatabase, type SqlDatabase } from '../../src/index.js';
import { freshDatabase, POSTGRES_URL } from '../support/postgres-url.js';

describe.skipIf(!POSTGRES_URL)('a PostgreSQL server behind a bad network', () => {
  let server: Awaited<ReturnType<typeof freshDatabase>>;
  let direct: SqlDatabase;
  let proxy: TcpProxy;
  let db: SqlDatabase;
  const opened: SqlDatabase[] = [];

  const open = async (options: { statementTimeout?: number; max?: number } = {}) => {
    const database = await openDatabase({
      url: proxy.url,
      statementTimeout: options.statementTimeout ?? 10_000,
      pool: { max: options.max ?? 2, connectTimeout: 500 },
    });
    opened.push(database);
    return database;
  };

  beforeAll(async () => {
    server = await freshDatabase();
    direct = await openDatabase({ url: server.url });
    proxy = await tcpProxy(server.url);
    await direct.exec('CREATE TABLE written (id int PRIMARY KEY)');
    db = await open();
  });
  beforeEach(() => proxy.heal());
  afterAll(async () => {
    proxy.heal();
    for (const database of opened) await database.close({ deadline: 0 });
    await proxy.close();
    await direct.close();
    await server.drop();
  });

  const backends = async () => {
    const { rows } = await direct.query<{ count: number }>(
      "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(77)%' AND pid <> pg_backend_pid()",
    );
    return rows[0]?.count;
  };

  it('reports a connection that is cut in the middle of a statement, and goes on with another', async () => {
    const cut = db.query('SELECT pg_sleep(77)');
    await expect.poll(backends).toBe(1);
    proxy.reset();
    await expect(cut).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(db.stats()).toMatchObject({ checkedOut: 0 });
    await direct.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(77)%' AND pid <> pg_backend_pid()",
    );
  });

  it('ends the transaction of a process that says nothing more, and frees its locks', async () => {
    const hung = await openDatabase({ url: server.url, idleInTransactionTimeout: 100 });
    opened.push(hung);
    await direct.query('INSERT INTO written VALUES (7007)');
    const asleep = hung.transaction(async (tx) => {
      await tx.query('UPDATE written SET id = id WHERE id = 7007');
      // Waits for the lock that the server takes from this very transaction.
      await direct.query('UPDATE written SET id = id WHERE id = 7007');
      await tx.query('SELECT 1');
    });
    await expect(asleep).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
    await direct.query('DELETE FROM written WHERE id = 7007');
    expect((await hung.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('gives up a server that falls silent, a second after it should have answered', async () => {
    const impatient = await open({ statementTimeout: 100 });
    await impatient.query('SELECT 1');
    proxy.set({ blackhole: true });
    await expect(impatient.query('SELECT 1')).rejects.toMatchObject({ code: 'SQL_TIMEOUT' });
    proxy.heal();
    expect((await impatient.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('gives up a silent server inside a transaction too, without waiting again for the rollback', async () => {
    const impatient = await open({ statementTimeout: 100 });
    const waits: number[] = [];
    impatient.on('query', ({ durationMs }) => waits.push(durationMs));
    const silent = impatient.transaction(async (tx) => {
      await tx.query('INSERT INTO written VALUES (100)');
      proxy.set({ blackhole: true });
      await tx.query('INSERT INTO written VALUES (101)');
    });
    await expect(silent).rejects.toMatchObject({ code: 'SQL_TIMEOUT' });
    proxy.heal();
    expect(waits.filter((ms) => ms > 1_000)).toHaveLength(1);
    await expect.poll(async () => (await direct.query('SELECT * FROM written')).rows).toEqual([]);
  });

  it('says that it does not know whether a transaction was committed whose COMMIT got no answer', async () => {
    const lost = db.transaction(async (tx) => {
      await tx.query('INSERT INTO written VALUES (200)');
      proxy.set({ cutAfterBytes: 0 });
    });
    await expect(lost).rejects.toMatchObject({
      code: 'SQL_UNAVAILABLE',
      details: { outcome: 'unknown' },
    });
  });

  it('drops a connection whose backend was ended in a transaction, and keeps the pool whole', async () => {
    const killed = db.transaction(async (tx) => {
      const { rows } = await tx.query('SELECT pg_backend_pid() AS pid');
      await direct.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await tx.query('INSERT INTO written VALUES (300)');
    });
    await expect(killed).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
    const results = await Promise.all(
      [1, 2, 3, 4].map((n) => db.query('SELECT $1::int AS n', [n])),
    );
    expect(results.map(({ rows }) => rows[0]?.n)).toEqual([1, 2, 3, 4]);
    expect(db.stats().size).toBeLessThanOrEqual(2);
  });

  it('fails at once where nobody answers, and reports it as unhealthy', async () => {
    const nobody = await openDatabase({ url: 'postgres://127.0.0.1:1/nothing' });
    opened.push(nobody);
    await expect(nobody.query('SELECT 1')).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
    expect(await nobody.health()).toMatchObject({ status: 'unhealthy' });
  });

  it('reports a server that does not greet as unavailable after the connect timeout', async () => {
    proxy.set({ blackhole: true });
    const waiting = await open();
    await expect(waiting.query('SELECT 1')).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
  });

  it('says so when all connections of the pool are in use', async () => {
    const small = await open({ max: 1 });
    const crowded = small.transaction(() => small.query('SELECT 1'));
    await expect(crowded).rejects.toMatchObject({
      code: 'SQL_UNAVAILABLE',
      message: expect.stringContaining('all 1 of the pool are in use'),
    });
    await small.query('SELECT 1');
  });

  it('closes although the server has fallen silent', async () => {
    const closing = await open();
    await closing.query('SELECT 1');
    proxy.set({ blackhole: true });
    expect(await closing.close()).toMatchObject({ drained: true });
  });
});
