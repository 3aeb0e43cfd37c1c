import { describe, expect, it } from 'vitest';
import { createCache, memoryStore } from '../src/index.js';
import { cacheStoreConformance, type Fault, FaultyStore } from '../src/testing.js';

cacheStoreConformance(
  { describe, it, expect },
  { name: 'faulty, without a fault', create: async () => new FaultyStore(memoryStore()) },
);

describe('FaultyStore', () => {
  it.each<[Fault, unknown, number]>([
    ['none', 'stored', 0],
    ['fail', 'made', 0],
    ['lost-reply', 'made', 0],
    ['corrupt', 'made', 1],
  ])('lets a cache over it live with %s', async (fault, expected, foreign) => {
    const store = new FaultyStore(memoryStore());
    const cache = createCache({ namespace: `faulty-${fault}`, l1: false, l2: store });
    await cache.set('k', 'stored');
    store.fault = fault;
    expect(await cache.getOrSet('k', () => 'made')).toBe(expected);
    expect(cache.stats().l2?.foreign).toBe(foreign);
    store.fault = 'none';
    await cache.close();
  });

  it('drops changes and messages, and takes its time', async () => {
    const real = memoryStore();
    const store = new FaultyStore(real);
    const heard: unknown[] = [];
    await store.subscribe?.('ns', {
      onInvalidate: ({ keys }) => heard.push(keys),
      onConnect: () => undefined,
      onDisconnect: () => undefined,
    });
    const write = { key: 'k', bytes: new Uint8Array([1]), ttlMs: 1_000 };
    store.fault = 'drop';
    expect(await store.setMany('ns', [write])).toEqual([true]);
    expect((await real.getMany('ns', ['k']))[0]?.bytes).toBeUndefined();
    store.fault = 'none';
    store.tells = false;
    await store.setMany('ns', [write]);
    store.tells = true;
    store.delayMs = 20;
    let done = false;
    const deletion = store.deleteMany('ns', ['k']).then(() => {
      done = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    await deletion;
    expect(heard).toEqual([['k']]);
  });
});
