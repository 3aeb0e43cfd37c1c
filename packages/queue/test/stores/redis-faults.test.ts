import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findRedis, startRedis } from '../../../../test-services/redis.js';
import { tcpProxy } from '../../../../test-services/tcp-proxy.js';
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  type Logger,
  type QueueStore,
} from '../../src/index.js';
import { silentLogger } from '../../src/logger.js';
import { RedisStore } from '../../src/stores/redis/store.js';
import { redisStore } from '../../src/stores/redis.js';
import { Kit } from '../../src/testing.js';

const task = defineTask('t');
const PATIENCE = { timeout: 20_000, interval: 50 };

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function until<T>(thing: T, end: (thing: T) => unknown): T {
  ends.push(() => end(thing));
  return thing;
}

const kitOf = (store: QueueStore): Kit<never> =>
  new Kit({ store, advance: async () => undefined, close: async () => undefined });

/** Runs tasks that a fault happens to, and expects that each was completed, and recorded as such once. */
async function runThrough(url: string, count: number, fault: () => Promise<void>): Promise<void> {
  const store = until(
    new RedisStore({ source: { url }, prefix: 'faults', logger: silentLogger, answerMs: 500 }),
    (made) => made.close(),
  );
  const queue = createQueue('q', { store, retry: { attempts: 20 } });
  await queue.enqueueMany(Array.from({ length: count }, (_, payload) => ({ task, payload })));
  const completed: string[] = [];
  const done = new Set<unknown>();
  queue.on('task.completed', (event) => completed.push(event.subject));
  const handler = handle(task, async (n) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    done.add(n);
  });
  const settings = { concurrency: 5, lease: '1s', sweepInterval: 100, pollInterval: 200 } as const;
  const worker = until(createWorker(queue, [handler], settings), (made) => made.close());
  await worker.start();
  await expect.poll(() => done.size, PATIENCE).toBeGreaterThan(10);
  await fault();
  const counts = async (): Promise<unknown> =>
    (await store.stats(['q']).catch(() => []))[0]?.counts.completed;
  await expect.poll(counts, PATIENCE).toBe(count);
  expect(done.size).toBe(count);
  expect(new Set(completed).size).toBe(completed.length);
}

describe.skipIf(findRedis() === undefined)('a Redis that fails', () => {
  it('gives claims again whose answer was lost, and charges nothing', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const store = until(redisStore({ url: proxy.url }), (made) => made.close());
    const kit = kitOf(store);
    const payload = JSON.stringify('x'.repeat(2_000));
    const direct = until(redisStore({ url: server.url }), (made) => made.close());
    const tasks = Array.from({ length: 50 }, () => kit.task({ payload }));
    await direct.enqueue(tasks);
    await kitOf(direct).exchange('other'); // now the server knows the script
    proxy.set({ cutAfterBytes: 30_000 }); // the request passes, and a part of the answer
    await expect(kit.claim('w', 30)).rejects.toMatchObject({ code: 'QUEUE_STORE_UNAVAILABLE' });
    expect((await direct.stats(['q']))[0]?.counts.leased).toBe(30);
    proxy.heal();
    const again = await kit.claim('w', 30);
    expect(again.map(({ id, epoch, attempt }) => [id, epoch, attempt])).toEqual(
      tasks.slice(0, 30).map(({ id }) => [id, 1, 1]),
    );
    expect((await kit.claim('w', 30)).map(({ id }) => id)).toEqual(
      tasks.slice(30).map(({ id }) => id),
    );
  });

  it('gives the claims of two exchanges again that were under way together', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const store = until(redisStore({ url: proxy.url }), (made) => made.close());
    const kit = kitOf(store);
    const direct = until(redisStore({ url: server.url }), (made) => made.close());
    const tasks = Array.from({ length: 30 }, () => kit.task({ maxAttempts: 1 }));
    await direct.enqueue(tasks);
    await kitOf(direct).exchange('other'); // now the server knows the script
    await kit.exchange('w');
    const leased = async () => (await direct.stats(['q']))[0]?.counts.leased;
    proxy.set({ latencyMs: 400 });
    const lost = Promise.allSettled([kit.claim('w', 10), kit.claim('w', 10)]);
    await expect.poll(leased, PATIENCE).toBe(20);
    proxy.reset(); // before the answers have passed
    expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    proxy.heal();
    const again = await kit.claim('w', 20);
    expect(again.map(({ id, epoch }) => [id, epoch])).toEqual(
      tasks.slice(0, 20).map(({ id }) => [id, 1]),
    );
    expect((await kit.claim('w', 20)).map(({ id }) => id)).toEqual(
      tasks.slice(20).map(({ id }) => id),
    );
  });

  it('keeps watch over a queue whose first enqueue was refused', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = until(redisStore({ url: server.url }), (made) => made.close());
    const kit = kitOf(store);
    const task = kit.task({ queue: 'other' });
    await store.enqueue([task]);
    const refused = store.enqueue([{ ...task, queue: 'q', payload: '{"other":1}' }]);
    await expect(refused).rejects.toMatchObject({ code: 'QUEUE_TASK_CONFLICT' });
    const id = await kit.add();
    const claim = { queues: ['q'], limit: 1 };
    await store.exchange({ worker: 'w', settle: [], extend: [], claim, leaseMs: 1 });
    await expect.poll(async () => (await store.sweep(10)).lapsed, PATIENCE).toBe(1);
    expect(await kit.get(id)).toMatchObject({ state: 'ready' });
  });

  it('records a settlement once whose answer was lost', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const parts = { prefix: 'p', logger: silentLogger, answerMs: 300 };
    const store = until(new RedisStore({ source: { url: proxy.url }, ...parts }), (s) => s.close());
    const kit = kitOf(store);
    await kit.add();
    const claimed = await kit.claimOne('w');
    proxy.set({ latencyMs: 400 }); // longer than an answer may take
    const lost = kit.settle('w', kit.completed(claimed, '1'));
    await expect(lost).rejects.toMatchObject({ code: 'QUEUE_STORE_UNAVAILABLE' });
    proxy.heal();
    expect(['ok', 'stale']).toContain((await kit.settle('w', kit.completed(claimed, '1')))[0]);
    expect(await kit.get(claimed.id)).toMatchObject({ state: 'completed', result: '1', epoch: 1 });
  });

  it('takes an enqueue that is repeated for one', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = until(redisStore({ url: server.url }), (made) => made.close());
    const kit = kitOf(store);
    const tasks = [kit.task(), kit.task({ key: { value: 'k', ttlMs: 1_000 } })];
    const outcomes = await store.enqueue(tasks);
    expect(await store.enqueue(tasks)).toEqual(outcomes);
    expect(await kit.claim('w', 10)).toHaveLength(2);
    const other = { ...kit.task(), id: tasks[0]?.id ?? '', payload: '{"other":1}' };
    await expect(store.enqueue([other])).rejects.toMatchObject({ code: 'QUEUE_TASK_CONFLICT' });
  });

  it('loses nothing when it is killed and restarted with what it wrote', async () => {
    const server = until(await startRedis({ durable: true }), (made) => made.stop());
    await runThrough(server.url, 150, () => server.restart());
  }, 60_000);

  it('goes on when it was frozen', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    await runThrough(server.url, 150, async () => {
      server.pause();
      await new Promise((resolve) => setTimeout(resolve, 1_200)); // longer than an answer may take
      server.resume();
    });
  }, 60_000);

  it('goes on when connections are cut, again and again', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    await runThrough(proxy.url, 300, async () => {
      for (let cut = 0; cut < 8; cut++) {
        proxy.reset();
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    });
  }, 60_000);

  it('goes on when connections stay open and nothing comes through', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    await runThrough(proxy.url, 100, async () => {
      proxy.set({ blackhole: true });
      await new Promise((resolve) => setTimeout(resolve, 700));
      proxy.reset();
      proxy.heal();
    });
  }, 60_000);

  it('keeps the leases of what runs when only the open connections go dead', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const store = until(redisStore({ url: proxy.url }), (made) => made.close());
    const kit = kitOf(store);
    const direct = until(redisStore({ url: server.url }), (made) => made.close());
    const id = await kit.add();
    const nothing = { worker: 'w', settle: [], extend: [], leaseMs: 6_000 };
    const { claimed } = await store.exchange({ ...nothing, claim: { queues: ['q'], limit: 1 } });
    expect(claimed.map((task) => task.id)).toEqual([id]);
    proxy.freeze();
    // Whoever comes when the lease is over takes the task.
    const taking = setInterval(() => {
      direct.sweep(10).catch(() => undefined);
      kitOf(direct)
        .claim('other')
        .catch(() => undefined);
    }, 100);
    ends.push(() => clearInterval(taking));
    const extension = {
      ...nothing,
      extend: [{ id, epoch: 1 }],
      claim: { queues: [], limit: 0 },
    };
    const lost = store.exchange(extension);
    await expect(lost).rejects.toMatchObject({ code: 'QUEUE_STORE_UNAVAILABLE' });
    expect((await store.exchange(extension)).extended).toEqual(['ok']);
    expect(await kit.settle('w', kit.completed({ id, epoch: 1 }))).toEqual(['ok']);
  }, 30_000);

  it('fails in time when it is not there, and closes', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const store = redisStore({ url: server.url });
    await store.migrate();
    await server.kill();
    const outcome = kitOf(store)
      .claim('w')
      .catch((error: { code?: string }) => error.code);
    await store.close();
    expect(['QUEUE_STORE_UNAVAILABLE', 'QUEUE_CLOSED']).toContain(await outcome);
  });

  it('says that it is not available to who listens while the connection is lost', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const store = until(redisStore({ url: proxy.url }), (made) => made.close());
    await store.onWake(['q'], () => undefined);
    proxy.set({ blackhole: true });
    const lost = [
      store.onWake(['other'], () => undefined),
      store.onHandover?.('w', () => undefined),
    ].map((listening) =>
      expect(listening).rejects.toMatchObject({ code: 'QUEUE_STORE_UNAVAILABLE' }),
    );
    await new Promise((resolve) => setTimeout(resolve, 50)); // both were sent
    proxy.reset();
    await Promise.all(lost);
  });

  it('waits for the next connection while one ends', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const client = until(new Redis(server.url), (made) => made.disconnect());
    const duplicate = vi.spyOn(client, 'duplicate');
    const store = until(redisStore(client), (made) => made.close());
    const kit = kitOf(store);
    await kit.add();
    await store.onWake(['q'], () => undefined);
    const opened = duplicate.mock.results.flatMap(({ type, value }) =>
      type === 'return' ? [value] : [],
    );
    expect(opened).toHaveLength(2);
    for (const { stream } of opened) stream.destroy();
    // They end, and are not known to have ended yet.
    expect(opened.map(({ status }) => status)).toEqual(['ready', 'ready']);
    await Promise.all([kit.add(), store.onWake(['other'], () => undefined)]);
    expect(await kit.claim('w', 5)).toHaveLength(2);
  });

  it('wakes a listener again after its connection was lost', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const proxy = until(await tcpProxy(server.url), (made) => made.close());
    const listening = until(redisStore({ url: proxy.url }), (made) => made.close());
    const other = until(redisStore({ url: server.url }), (made) => made.close());
    let woken = 0;
    await listening.onWake(['q'], () => woken++);
    proxy.reset();
    await expect.poll(() => woken, PATIENCE).toBe(1); // something may have been missed
    await kitOf(other).add();
    await expect.poll(() => woken, PATIENCE).toBe(2);
  });

  it('runs when the server forgot the scripts, and leaves the client alone', async () => {
    const server = until(await startRedis(), (made) => made.stop());
    const client = until(new Redis(server.url, { keyPrefix: 'mine:' }), (c) => c.disconnect());
    const store = redisStore(client, { prefix: 'shop' });
    const kit = kitOf(store);
    await kit.add();
    await client.script('FLUSH');
    await kit.add();
    expect(await kit.claim('w', 5)).toHaveLength(2);
    await store.close();
    expect(await client.ping()).toBe('PONG');
    const keys = await until(new Redis(server.url), (c) => c.disconnect()).keys('*');
    expect(keys.every((key) => key.startsWith('shop:{shop:queue}:'))).toBe(true);
  });

  it('says what the server may lose', async () => {
    const warnings: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields) };
    const args = ['--maxmemory-policy', 'allkeys-lru'];
    const risky = until(await startRedis({ args }), (made) => made.stop());
    const store = until(redisStore({ url: risky.url }, { logger }), (made) => made.close());
    await store.migrate();
    expect(warnings).toMatchObject([{ 'maxmemory-policy': 'allkeys-lru' }, { appendonly: 'no' }]);
    expect(store.traits.durable).toBe('async');
    const safe = until(await startRedis({ durable: true }), (made) => made.stop());
    const durable = until(redisStore({ url: safe.url }, { logger }), (made) => made.close());
    await durable.migrate();
    expect(warnings).toHaveLength(2);
    expect(durable.traits.durable).toBe('commit');
  });

  it('refuses options that make no sense', () => {
    expect(() => redisStore({ url: '' })).toThrow('Expected `connection` to be an ioredis client');
    const address = { url: 'redis://localhost' };
    expect(() => redisStore(address, { prefix: 'a b' })).toThrow('Expected `options.prefix`');
    expect(() => redisStore(address, { prefx: 'a' } as object)).toThrow('`options.prefx`');
  });
});
