import { openDatabase, type SqlDatabase } from '@holdfast/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPostgres, startPostgres } from '../../../../test-services/postgres.js';
import { type TcpProxy, tcpProxy } from '../../../../test-services/tcp-proxy.js';
import type { TestServer } from '../../../../test-services/test-server.js';
import { createQueue, createWorker, defineTask, handle, type Worker } from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { Kit } from '../../src/testing.js';

const TASKS = 400;
const task = defineTask('t', { retry: { attempts: 50, initial: 0, jitter: 0 } });

describe.skipIf(!findPostgres())('workers on a PostgreSQL server in trouble', () => {
  let server: TestServer;
  let direct: SqlDatabase;

  beforeAll(async () => {
    server = await startPostgres({ durable: true });
    direct = await openDatabase({ url: server.url });
  }, 30_000);
  afterAll(async () => {
    server?.resume();
    await direct?.close({ deadline: 500 });
    await server?.stop();
  });

  /** Two workers of one process, through a proxy, on a queue with tasks; and what they completed. */
  async function busy(schema: string, proxy: TcpProxy) {
    const db = await openDatabase({
      url: proxy.url,
      statementTimeout: 1_000,
      pool: { max: 4, connectTimeout: 1_000 },
    });
    const store = postgresStore(db, { schema });
    const queue = createQueue('q', { store });
    const completed: string[] = [];
    queue.on('task.completed', ({ subject }) => completed.push(subject));
    const run = handle(task, () => new Promise<void>((resolve) => setTimeout(resolve, 5)));
    const workers: Worker[] = [0, 1].map(() =>
      createWorker(queue, [run], {
        concurrency: 5,
        lease: '3s',
        pollInterval: 200,
        sweepInterval: 200,
      }),
    );
    await store.migrate();
    const ids: string[] = [];
    for (let at = 0; at < TASKS; at += 100) {
      const items = Array.from({ length: 100 }, (_, n) => ({ task, payload: at + n }));
      ids.push(...(await queue.enqueueMany(items)).map(({ id }) => id));
    }
    for (const worker of workers) await worker.start();
    await expect.poll(() => completed.length, { timeout: 10_000 }).toBeGreaterThan(20);
    return {
      completed,
      /** Everything was completed, and recorded, once; the workers are still there. */
      async allDone(): Promise<void> {
        const observer = postgresStore(direct, { schema });
        await expect
          .poll(async () => (await observer.stats(['q']).catch(() => []))[0]?.counts.completed, {
            timeout: 20_000,
          })
          .toBe(TASKS);
        expect(new Set(completed).size).toBe(completed.length);
        const [stats] = await observer.stats(['q']);
        expect(stats?.counts).toMatchObject({ ready: 0, scheduled: 0, leased: 0, dead: 0 });
        const found = await observer.find({ ids }, { order: 'oldest', limit: TASKS });
        expect(found.filter(({ state }) => state === 'completed').length).toBe(TASKS);
        for (const worker of workers) expect((await worker.close()).unsettled).toBe(0);
        await store.close();
        await db.close({ deadline: 500 });
      },
    };
  }

  it('goes on after connections were cut in the middle of exchanges', async () => {
    const proxy = await tcpProxy(server.url);
    const work = await busy('cut', proxy);
    for (let cut = 0; cut < 8; cut++) {
      proxy.set({ cutAfterBytes: 200 + Math.floor(Math.random() * 20_000) });
      await new Promise((resolve) => setTimeout(resolve, 50));
      proxy.reset();
      proxy.heal();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await work.allDone();
    await proxy.close();
  }, 60_000);

  it('goes on after connections that were frozen', async () => {
    const proxy = await tcpProxy(server.url);
    const work = await busy('frozen', proxy);
    proxy.set({ blackhole: true });
    const before = work.completed.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(work.completed.length).toBeLessThan(TASKS);
    expect(before).toBeLessThan(TASKS);
    proxy.reset();
    proxy.heal();
    await work.allDone();
    await proxy.close();
  }, 60_000);

  it('says that it is not available to who listens or begins while nothing answers', async () => {
    const proxy = await tcpProxy(server.url);
    const db = await openDatabase({ url: proxy.url, pool: { max: 2, connectTimeout: 300 } });
    const store = postgresStore(db, { schema: 'unheard' });
    proxy.set({ refuse: true });
    proxy.reset();
    const unavailable = { code: 'QUEUE_STORE_UNAVAILABLE' };
    await expect(store.onWake(['q'], () => undefined)).rejects.toMatchObject(unavailable);
    await expect(store.migrate()).rejects.toMatchObject(unavailable);
    proxy.heal();
    await store.migrate();
    await store.close();
    await db.close({ deadline: 500 });
    await proxy.close();
  });

  it('goes on after the server was killed and started again, with every task it had acknowledged', async () => {
    const proxy = await tcpProxy(server.url);
    const work = await busy('killed', proxy);
    await server.restart();
    await work.allDone();
    await proxy.close();
  }, 60_000);

  it('settles once however often the same exchange is sent', async () => {
    const store = postgresStore(direct, { schema: 'repeated' });
    await store.migrate();
    const kit = new Kit({
      store,
      advance: async () => undefined,
      close: async () => undefined,
    });
    const id = await kit.add({ queue: 'again' });
    const [claimed] = (await kit.exchange('w', { claim: 1, queues: ['again'] })).claimed;
    expect(claimed?.id).toBe(id);
    if (claimed === undefined) return;
    const settle = kit.retry(claimed);
    expect(await kit.settle('w', settle)).toEqual(['ok']);
    expect(await kit.settle('w', settle)).toEqual(['stale']);
    expect((await kit.get(id))?.history.length).toBe(1);
    const [next] = (await kit.exchange('w', { claim: 1, queues: ['again'] })).claimed;
    if (next === undefined) throw new Error('it was to be claimed again');
    expect(await kit.settle('w', kit.completed(next))).toEqual(['ok']);
    expect(await kit.settle('w', kit.completed(next), kit.retry(claimed))).toEqual([
      'stale',
      'stale',
    ]);
    expect((await kit.get(id))?.state).toBe('completed');
  });
});
