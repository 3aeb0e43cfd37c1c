import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TcpProxy, tcpProxy } from '../../../../test-services/tcp-proxy.js';
import { openDatabase, type SqlDatabase } from '../../src/index.js';
import { freshDatabase, POSTGRES_URL } from '../support/postgres-url.js';

describe.skipIf(!POSTGRES_URL)('listening on a server', () => {
  let server: Awaited<ReturnType<typeof freshDatabase>>;
  let direct: SqlDatabase;
  let proxy: TcpProxy;
  let db: SqlDatabase;

  beforeAll(async () => {
    server = await freshDatabase();
    direct = await openDatabase({ url: server.url });
    proxy = await tcpProxy(server.url);
    db = await openDatabase({ url: proxy.url, pool: { max: 1 } });
  });
  afterAll(async () => {
    await db.close();
    await direct.close();
    await proxy.close();
    await server.drop();
  });

  const endListener = () =>
    direct.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );

  it('does not take a connection of the pool', async () => {
    const subscription = await db.listen('one', () => {});
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(db.stats()).toMatchObject({ max: 1, size: 1 });
    await subscription.close();
  });

  it('listens again to all channels after its connection was ended, and says so', async () => {
    const seen: string[] = [];
    let reconnects = 0;
    const onReconnect = () => {
      reconnects += 1;
    };
    const subscriptions = [
      await db.listen('a', (payload) => seen.push(`a ${payload}`), { onReconnect }),
      await db.listen('b', (payload) => seen.push(`b ${payload}`)),
    ];
    for (const round of [1, 2]) {
      await endListener();
      await expect.poll(() => reconnects).toBe(round);
      await direct.notify('a', String(round));
      await direct.notify('b', String(round));
      await expect.poll(() => seen.length).toBe(round * 2);
    }
    expect(seen).toEqual(['a 1', 'b 1', 'a 2', 'b 2']);
    expect((await db.health()).details).toMatchObject({ listener: 'listening' });
    for (const subscription of subscriptions) await subscription.close();
  });

  it('keeps trying while the server is away', async () => {
    const seen: string[] = [];
    let reconnects = 0;
    const subscription = await db.listen('away', (payload) => seen.push(payload), {
      onReconnect: () => {
        reconnects += 1;
      },
    });
    proxy.set({ refuse: true });
    proxy.reset();
    await expect.poll(async () => (await db.health()).details.listener).toBe('reconnecting');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(reconnects).toBe(0);
    proxy.heal();
    await expect.poll(() => reconnects, { timeout: 5_000 }).toBe(1);
    await direct.notify('away', 'back');
    await expect.poll(() => seen).toEqual(['back']);
    await subscription.close();
  });

  it('rejects a first listen that finds no server, and can be tried again', async () => {
    proxy.set({ refuse: true });
    const failing = db.listen('first', () => {});
    await expect(failing).rejects.toMatchObject({ code: 'SQL_UNAVAILABLE' });
    proxy.heal();
    const subscription = await db.listen('first', () => {});
    await subscription.close();
  });

  it('ends while it tries to reconnect', async () => {
    const leaving = await openDatabase({ url: proxy.url });
    await leaving.listen('leaving', () => {});
    proxy.set({ refuse: true });
    proxy.reset();
    await expect.poll(async () => (await leaving.health()).details.listener).toBe('reconnecting');
    expect(await leaving.close()).toMatchObject({ drained: true });
    proxy.heal();
  });
});
