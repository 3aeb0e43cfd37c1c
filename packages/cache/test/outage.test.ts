import { describe, expect, it } from 'vitest';
import { createCache, memoryStore } from '../src/index.js';
import { FaultyStore } from '../src/testing.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

function setUp(options: { maxAwaitingRepair?: number; l1?: false } = {}) {
  const clock = new VirtualClock();
  const real = memoryStore({ clock });
  const store = new FaultyStore(real);
  const log: string[] = [];
  const record = (_fields: object, message: string) => log.push(message);
  const { maxAwaitingRepair = 100, ...rest } = options;
  const cache = createCache({
    namespace: 'outage',
    ttl: '1h',
    l2: store,
    clock,
    logger: { debug: () => undefined, info: record, warn: record, error: record },
    resilience: { timeout: 500, failures: 3, retryAfter: 1_000, maxAwaitingRepair },
    ...rest,
  });
  /** What another process reads from the store. */
  const elsewhere = createCache({ namespace: 'outage', l2: real, l1: false, clock });
  return { clock, store, cache, elsewhere, log };
}

describe('a store that fails', () => {
  it('never reaches the caller: reads go to L1 and the factory, writes to L1', async () => {
    const { store, cache } = setUp();
    store.fault = 'fail';
    expect(await cache.getOrSet('k', () => 'made')).toBe('made');
    await cache.set('s', 'set');
    await cache.delete('gone');
    await cache.clear();
    expect(await cache.getOrSet('k', () => 'made again')).toBe('made again');
    expect([cache.peek('k'), await cache.get('x')]).toEqual(['made again', undefined]);
    expect(cache.stats().l2?.errors).toBeGreaterThan(0);
    expect((await cache.health()).status).toBe('degraded');
  });

  it('is left alone after so many failures, and used again once it answers', async () => {
    const { clock, store, cache, log } = setUp({ l1: false });
    await cache.set('k', 'v');
    store.fault = 'fail';
    for (let i = 0; i < 3; i += 1) expect(await cache.get('k')).toBeUndefined();
    const { calls } = store;
    for (let i = 0; i < 50; i += 1) await cache.getOrSet('k', () => 'made');
    expect([store.calls, cache.stats().l2?.circuit]).toEqual([calls, 'open']);
    await clock.advance(1_300);
    expect([store.calls, cache.stats().l2?.circuit]).toEqual([calls + 1, 'open']);
    store.fault = 'none';
    await clock.advance(1_300);
    expect(cache.stats().l2?.circuit).toBe('closed');
    expect([await cache.get('k'), (await cache.health()).status]).toEqual(['v', 'healthy']);
    expect(log).toEqual(['cache store fails: going on without it', 'cache store answers again']);
  });
});

describe('a store that hangs', () => {
  it('holds up a call for the time limit at most, and nobody once the circuit is open', async () => {
    const { clock, store, cache } = setUp();
    store.fault = 'hold';
    for (let round = 0; round < 3; round += 1) {
      const waiting = [1, 2, 3].map((n) => cache.getOrSet(`${round}.${n}`, () => n));
      await settle();
      await clock.advance(499);
      expect(cache.stats().loads.count).toBe(round * 3);
      await clock.advance(1);
      expect(await Promise.all(waiting)).toEqual([1, 2, 3]);
    }
    expect(cache.stats().l2).toMatchObject({ circuit: 'open', timeouts: 3 });
    // The clock stands still from here on: these do not wait.
    expect(await cache.getOrSet('k', () => 'made')).toBe('made');
    await cache.set('k', 'set');
    await cache.delete('k');
  });

  it('serves from L1 without asking it', async () => {
    const { store, cache } = setUp();
    await cache.set('k', 'v');
    store.fault = 'hold';
    expect(await cache.getOrSet('k', () => 'unused')).toBe('v');
  });
});

describe('changes that did not reach the store', () => {
  it.each(['fail', 'lost-reply'] as const)('are repaired on recovery (%s)', async (fault) => {
    const { clock, store, cache, elsewhere } = setUp({ l1: false });
    await cache.setMany([
      ['deleted', 'old'],
      ['set', 'old'],
      ['kept', 'good'],
    ]);
    store.fault = fault;
    await cache.delete('deleted');
    await cache.set('set', 'new');
    store.fault = 'none';
    expect([await cache.get('deleted'), await cache.get('set')]).toEqual([undefined, undefined]);
    expect(cache.stats().l2?.awaitingRepair).toBe(2);
    await clock.advance(1_300);
    expect(cache.stats().l2?.awaitingRepair).toBe(0);
    expect(await elsewhere.getMany(['deleted', 'set', 'kept'])).toEqual(
      new Map([['kept', 'good']]),
    );
    await cache.set('set', 'newest');
    expect(await elsewhere.get('set')).toBe('newest');
  });

  it('clear the whole namespace when they are too many to remember', async () => {
    const { clock, store, cache, elsewhere } = setUp({ l1: false, maxAwaitingRepair: 5 });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await cache.setMany(keys.map((key) => [key, 'old']));
    store.fault = 'fail';
    for (const key of keys.slice(0, 10)) await cache.delete(key);
    expect(cache.stats().l2).toMatchObject({ awaitingRepair: 0, namespaceAwaitingRepair: true });
    store.fault = 'none';
    expect((await cache.getMany(keys)).size).toBe(0);
    await clock.advance(1_300);
    expect((await elsewhere.getMany(keys)).size).toBe(0);
    expect(cache.stats().l2?.namespaceAwaitingRepair).toBe(false);
    await cache.set('k0', 'new');
    expect(await elsewhere.get('k0')).toBe('new');
  });

  it('are tried once more when the cache closes, and named when that fails', async () => {
    const { store, cache, elsewhere, log } = setUp();
    await cache.set('k', 'old');
    store.fault = 'fail';
    await cache.delete('k');
    store.fault = 'none';
    await cache.close();
    expect([await elsewhere.get('k'), log]).toEqual([undefined, []]);

    const other = setUp();
    other.store.fault = 'fail';
    await other.cache.delete('k');
    await other.cache.close();
    await settle();
    expect(other.log.join()).toContain('it may hold stale entries until they expire');
  });
});
