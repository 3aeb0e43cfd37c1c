import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis } from '../../../test-services/redis.js';
import { tcpProxy } from '../../../test-services/tcp-proxy.js';
import type { TestServer } from '../../../test-services/test-server.js';
import { type Cache, type CacheStore, createCache } from '../src/index.js';
import { redisStore } from '../src/stores/redis.js';

/** Waits for what happens in the background, for up to ten seconds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000 && !(await condition()); i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(await condition()).toBe(true);
}

describe.skipIf(!process.env.TEST_REDIS_URL)('a Redis of its own', () => {
  let server: TestServer;
  let store: CacheStore;
  let cache: Cache;
  const rejections: unknown[] = [];
  const record = (err: unknown) => rejections.push(err);

  beforeEach(async () => {
    server = await startRedis();
    store = redisStore({ url: server.url });
    cache = make(store);
    await cache.set('k', 'old');
    await until(() => cache.stats().l2?.subscribed === true);
    process.on('unhandledRejection', record);
  });
  afterEach(async () => {
    process.off('unhandledRejection', record);
    await cache.close({ deadline: 500 });
    await store.close();
    await server.stop();
    expect(rejections).toEqual([]);
  });
  const make = (l2: CacheStore) =>
    createCache({ namespace: 'outage', l2, resilience: { timeout: 100, retryAfter: 50 } });
  const circuit = () => cache.stats().l2?.circuit;
  /** What a process without history reads. */
  const elsewhere = async (key: string) => {
    const own = redisStore({ url: server.url });
    const other = createCache({ namespace: 'outage', l2: own, l1: false });
    const value = await other.get(key);
    await other.close();
    await own.close();
    return value;
  };

  it('frozen: callers get answers; after it nothing stale is left', async () => {
    server.pause();
    for (let i = 0; i < 5; i += 1) {
      expect(await cache.getOrSet(`cold${i}`, () => i)).toBe(i);
    }
    expect(circuit()).toBe('open');
    await cache.set('k', 'new');
    await cache.delete('gone');
    expect(await cache.getOrSet('k', () => 'unused')).toBe('new');
    server.resume();
    await until(() => circuit() === 'closed' && cache.stats().l2?.awaitingRepair === 0);
    expect(await elsewhere('k')).toBeUndefined();
    await cache.set('k', 'newest');
    expect(await elsewhere('k')).toBe('newest');
  });

  it('killed and started empty: callers get answers, and L2 is used again', async () => {
    await server.kill();
    expect(await cache.getOrSet('cold', () => 'made')).toBe('made');
    await cache.delete('k');
    expect(await cache.get('k')).toBeUndefined();
    await until(() => circuit() === 'open' || (cache.stats().l2?.awaitingRepair ?? 0) > 0);
    await server.restart();
    await until(() => circuit() === 'closed' && cache.stats().l2?.awaitingRepair === 0);
    await until(async () => {
      await cache.set('k', 'new');
      return (await elsewhere('k')) === 'new';
    });
    await until(() => cache.stats().l2?.subscribed === true);
  });

  it('a lost subscription empties L1 when it is back: what was missed is not served', async () => {
    await cache.set('k', 'old');
    const admin = new Redis(server.url);
    const other = redisStore({ url: server.url });
    const writer = createCache({ namespace: 'outage', l2: other, l1: false });
    await writer.set('warm', 1);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await writer.set('k', 'new');
    await until(async () => (await cache.get('k')) === 'new');
    admin.disconnect();
    await writer.close();
    await other.close();
  });

  it('a connection that is silently dead is noticed, and what was missed is repaired', async () => {
    const proxy = await tcpProxy(server.url);
    const behind = redisStore({ url: proxy.url }, { heartbeat: 50 });
    const reader = make(behind);
    const direct = redisStore({ url: server.url });
    const writer = createCache({ namespace: 'outage', l2: direct, l1: false });
    await until(() => reader.stats().l2?.subscribed === true);
    await writer.set('k', 'old', { tags: ['t'] });
    expect(await reader.get('k')).toBe('old');
    proxy.set({ blackhole: true });
    await until(() => reader.stats().l2?.subscribed === false);
    await writer.invalidateTags(['t']);
    proxy.reset();
    proxy.heal();
    await until(() => reader.stats().l2?.subscribed === true);
    await until(async () => (await reader.get('k')) === undefined);
    await reader.close({ deadline: 500 });
    await writer.close();
    for (const one of [behind, direct]) await one.close();
    await proxy.close();
  });

  it('was never there: everything works from L1 and the factory', async () => {
    const nowhere = redisStore({ url: 'redis://127.0.0.1:1' });
    const lonely = make(nowhere);
    expect(await lonely.getOrSet('k', () => 'made')).toBe('made');
    expect(await lonely.getOrSet('k', () => 'unused')).toBe('made');
    expect((await lonely.close({ deadline: 1_000 })).drained).toBe(true);
    await nowhere.close();
  });
});

describe.skipIf(!process.env.TEST_REDIS_URL)('two processes on one Redis', () => {
  it('hear of each other: set, delete and clear reach the L1 of the other', async () => {
    const url = process.env.TEST_REDIS_URL ?? '';
    const stores = [redisStore({ url }), redisStore({ url })];
    const namespace = `pair-${process.pid}-${Date.now()}`;
    const [one, two] = stores.map((l2) => createCache({ namespace, l2 })) as [Cache, Cache];
    await until(() => [one, two].every((cache) => cache.stats().l2?.subscribed === true));
    await one.set('k', 'old');
    expect(await two.getOrSet('k', () => 'unused')).toBe('old');
    await one.set('k', 'new');
    await until(() => two.peek('k') === undefined);
    expect(await two.get('k')).toBe('new');
    await two.delete('k');
    await until(() => one.peek('k') === undefined);
    await one.set('k', 'again');
    await two.get('k');
    await one.clear();
    await until(() => two.peek('k') === undefined);
    expect([await one.get('k'), await two.get('k')]).toEqual([undefined, undefined]);
    for (const cache of [one, two]) await cache.close();
    for (const store of stores) await store.close();
  });
});
