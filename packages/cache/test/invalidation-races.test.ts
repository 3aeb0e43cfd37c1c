import { describe, expect, it } from 'vitest';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { FaultyStore } from '../src/testing.js';
import { manualFactory } from './support/manual-factory.js';
import { settle } from './support/virtual-clock.js';

const tiers = [
  { name: 'L1', make: () => createCache({ namespace: 'races' }) },
  { name: 'L1 over L2', make: () => createCache({ namespace: 'races', l2: memoryStore() }) },
  { name: 'L2', make: () => createCache({ namespace: 'races', l1: false, l2: memoryStore() }) },
];

const invalidations: [string, (cache: Cache) => Promise<void>][] = [
  ['delete', (cache) => cache.delete('k')],
  ['deleteMany', (cache) => cache.deleteMany(['j', 'k'])],
  ['clear', (cache) => cache.clear()],
  ['invalidateTags', (cache) => cache.invalidateTags(['t'])],
];

describe.each(tiers)('while a factory runs, $name', ({ make }) => {
  it.each(invalidations)('%s wins: the result is returned, not stored', async (_, invalidate) => {
    const cache = make();
    const { factory, started, end } = manualFactory();
    const tagged = { tags: ['t'] };
    const waiting = [cache.getOrSet('k', factory, tagged), cache.getOrSet('k', factory, tagged)];
    await started;
    await invalidate(cache);
    const later = cache.getOrSet('k', () => 'new');
    end('old');
    expect(await Promise.all(waiting)).toEqual(['old', 'old']);
    expect(await later).toBe('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
    expect(cache.stats().loads.superseded).toBe(1);
  });

  it('an explicit set wins', async () => {
    const cache = make();
    const { factory, started, end } = manualFactory();
    const waiting = cache.getOrSet('k', factory);
    await started;
    await cache.set('k', 'set');
    expect(await cache.getOrSet('k', () => 'unused')).toBe('set');
    end('old');
    expect(await waiting).toBe('old');
    await settle();
    expect(await cache.get('k')).toBe('set');
  });

  it('an older factory that ends last does not replace a newer one', async () => {
    const cache = make();
    const older = manualFactory();
    const newer = manualFactory();
    const first = cache.getOrSet('k', older.factory);
    await older.started;
    await cache.delete('k');
    const second = cache.getOrSet('k', newer.factory);
    await newer.started;
    newer.end('newer');
    await second;
    older.end('older');
    await first;
    await settle();
    expect(await cache.get('k')).toBe('newer');
  });
});

describe('while L2 is being read', () => {
  it.each(invalidations)('%s keeps what was read out of L1', async (_, invalidate) => {
    const store = new FaultyStore(memoryStore());
    const cache = createCache({ namespace: 'races', l2: store });
    await createCache({ namespace: 'races', l2: store }).set('k', 'old', { tags: ['t'] });
    store.fault = 'hold';
    const reading = [cache.get('k'), cache.getOrSet('k', () => 'unused')];
    await settle();
    store.fault = 'none';
    const invalidating = invalidate(cache);
    store.release();
    await Promise.all([...reading, invalidating]);
    // With a tag, what is read counts as absent at once, so that the factory runs: it is no older than the invalidation.
    expect(cache.peek('k')).not.toBe('old');
    expect(['new', 'unused']).toContain(await cache.getOrSet('k', () => 'new'));
  });
});

it('a key that is being set is not read from L2, where the set may still fail', async () => {
  const store = new FaultyStore(memoryStore());
  const cache = createCache({ namespace: 'races', l2: store, l1: { maxEntries: 1 } });
  for (const change of [() => cache.set('k', 'new'), () => cache.clear()]) {
    await cache.set('k', 'old');
    store.fault = 'fail';
    // The second set pushes the first out of L1.
    const changing = [change(), cache.set('other', 1)];
    const reading = cache.get('k');
    await Promise.all([...changing, reading]);
    expect(await cache.get('k')).not.toBe('old');
    store.fault = 'none';
  }
});

describe('between caches on one store', () => {
  const pair = () => {
    const store = memoryStore();
    const make = () => createCache({ namespace: 'shared', l2: store });
    return [make(), make()] as const;
  };

  it('a factory result is not stored when another cache changed the key meanwhile', async () => {
    for (const change of ['set', 'delete', 'tag', 'clear'] as const) {
      const store = memoryStore();
      const make = () =>
        createCache({ namespace: 'shared', l2: store, l1: false, subscribe: false });
      const [one, two] = [make(), make()];
      const { factory, started, end } = manualFactory();
      const waiting = one.getOrSet('k', factory, { tags: ['t'] });
      await started;
      if (change === 'set') await two.set('k', 'theirs');
      else if (change === 'tag') await two.invalidateTags(['t']);
      else if (change === 'delete') await two.delete('k');
      else await two.clear();
      end('old');
      await waiting;
      await settle();
      expect(await one.get('k')).toBe(change === 'set' ? 'theirs' : undefined);
      expect(one.stats().l2?.fencedFills).toBe(1);
    }
  });

  it('who comes after a change elsewhere does not join a load from before it, with and without L1', async () => {
    for (const l1 of [{}, false] as const) {
      const store = memoryStore();
      const make = () => createCache({ namespace: 'shared', l2: store, l1 });
      const [one, two] = [make(), make()];
      const { factory, started, end } = manualFactory();
      const early = one.getOrSet('k', factory);
      await started;
      await two.set('k', 'new');
      const late = one.getOrSet('k', async () => 'made again');
      end('old');
      expect([await early, await late]).toEqual(['old', 'new']);
    }
  });

  it('an invalidation empties the L1 of the other, and supersedes its factory', async () => {
    const [one, two] = pair();
    await one.set('k', 'old');
    expect(await two.get('k')).toBe('old');
    await one.set('k', 'new');
    expect([two.peek('k'), await two.get('k')]).toEqual([undefined, 'new']);
    await one.clear();
    expect(two.peek('k')).toBeUndefined();
    const { factory, started, end } = manualFactory();
    const waiting = two.getOrSet('k', factory);
    await started;
    await one.delete('k');
    end('stale');
    await waiting;
    expect([two.peek('k'), await two.get('k')]).toEqual([undefined, undefined]);
  });
});

it('leaves nothing behind for keys that are at rest', async () => {
  const cache = createCache({ namespace: 'rest', l2: memoryStore(), l1: { maxEntries: 10 } });
  for (let i = 0; i < 300; i += 1) {
    const key = `k${i}`;
    await Promise.allSettled([
      cache.getOrSet(key, () => i),
      cache.get(key),
      cache.delete(key),
      cache.getOrSet(key, () => Promise.reject(new Error('fails'))),
    ]);
  }
  await settle();
  expect(cache.stats().loads.running).toBe(0);
  expect((await cache.close()).drained).toBe(true);
});
