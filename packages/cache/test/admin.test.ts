import { describe, expect, it } from 'vitest';
import { CacheAdmin, createCache, memoryStore } from '../src/index.js';
import {
  cacheChangeSchema,
  cacheKeyChangeSchema,
  cacheKeySchema,
  cacheListOptionsSchema,
  cacheListSchema,
  cacheNamespaceSchema,
  cacheStatsSchema,
  cacheTagsChangeSchema,
  keyInspectionSchema,
} from '../src/schemas.js';
import { VirtualClock } from './support/virtual-clock.js';

describe('CacheAdmin', () => {
  const make = () => {
    const recorded: object[] = [];
    const info = (fields: object) => recorded.push(fields);
    const ignore = () => undefined;
    const caches = ['b', 'a', 'c'].map((namespace) =>
      createCache({ namespace, l2: memoryStore() }),
    );
    const logger = { debug: ignore, info, warn: ignore, error: ignore };
    return { admin: new CacheAdmin(caches, { logger }), caches, recorded };
  };

  it('lists caches by page, in a form that the schemas take as JSON', async () => {
    const { admin, caches } = make();
    await caches[0]?.getOrSet('k', () => 1);
    const first = await admin.list(cacheListOptionsSchema.parse({ limit: 2 }));
    expect(first.items.map(({ namespace }) => namespace)).toEqual(['a', 'b']);
    expect(cacheListSchema.parse(JSON.parse(JSON.stringify(first)))).toEqual(first);
    const second = await admin.list({ limit: 2, cursor: first.nextCursor ?? '' });
    expect(second.items.map(({ namespace }) => namespace)).toEqual(['c']);
    expect(second.nextCursor).toBeNull();
    const stats = await admin.stats(cacheNamespaceSchema.parse({ namespace: 'b' }));
    expect(cacheStatsSchema.parse(stats)).toMatchObject({ hitRatio: 0, loads: { count: 1 } });
  });

  it('tells where a key is without leaving a trace', async () => {
    const { admin, caches } = make();
    await caches[1]?.set('k', 'v', { ttl: '1m' });
    const before = caches[1]?.stats();
    const found = await admin.inspect(cacheKeySchema.parse({ namespace: 'a', key: 'k' }));
    expect(keyInspectionSchema.parse(found)).toMatchObject({ l1: { reads: 0 }, loading: false });
    expect(found.l2?.remainingMs).toBeGreaterThan(50_000);
    expect(caches[1]?.stats()).toEqual(before);
    expect(await admin.inspect({ namespace: 'a', key: 'none' })).toMatchObject({
      l1: null,
      l2: null,
    });
  });

  it('deletes and clears, on record', async () => {
    const { admin, caches, recorded } = make();
    await caches[1]?.setMany([
      ['k', 1],
      ['l', 2],
    ]);
    const who = { by: 'ada', reason: 'wrong price' };
    await admin.delete(cacheKeyChangeSchema.parse({ namespace: 'a', key: 'k', ...who }));
    expect([await caches[1]?.get('k'), await caches[1]?.get('l')]).toEqual([undefined, 2]);
    await admin.clear(cacheChangeSchema.parse({ namespace: 'a' }));
    expect(await caches[1]?.get('l')).toBeUndefined();
    expect(recorded).toEqual([
      { module: 'cache', namespace: 'a', key: 'k', ...who },
      { module: 'cache', namespace: 'a' },
    ]);
  });

  it('knows nested namespaces by their full name', async () => {
    const { admin, caches, recorded } = make();
    const inner = caches[1]?.namespace('x').namespace('y');
    await inner?.set('k', 1, { tags: ['t'] });
    const { items } = cacheListSchema.parse(await admin.list());
    expect(items.map(({ namespace }) => namespace)).toEqual(['a', 'a/x', 'a/x/y', 'b', 'c']);
    const input = cacheKeySchema.parse({ namespace: 'a/x/y', key: 'k' });
    expect(keyInspectionSchema.parse(await admin.inspect(input))).toMatchObject({
      l1: { tags: ['t'], graceMs: 0 },
    });
    const change = cacheTagsChangeSchema.parse({ namespace: 'a', tags: ['t'], by: 'ada' });
    await admin.invalidateTags(change);
    expect(await inner?.get('k')).toBeUndefined();
    await inner?.set('k', 1);
    await admin.clear({ namespace: 'a/x' });
    expect(await inner?.get('k')).toBeUndefined();
    expect(recorded[0]).toEqual({ module: 'cache', namespace: 'a', tags: ['t'], by: 'ada' });
    const missing = { code: 'CACHE_NAMESPACE_NOT_FOUND' };
    for (const namespace of ['a/none', 'a/x/y/z', '/a', 'a/', 'x']) {
      await expect(admin.stats({ namespace })).rejects.toMatchObject(missing);
    }
  });

  it('counts entries that nobody read, and those that outlived their time', async () => {
    const clock = new VirtualClock();
    const cache = createCache({ namespace: 'use', ttl: '1s', l1: { maxEntries: 2 }, clock });
    for (const key of ['read', 'pushed out', 'replaced']) {
      await cache.set(key, 1);
      cache.peek('read');
    }
    await cache.set('replaced', 2);
    expect(cache.stats().l1).toMatchObject({ evictions: 1, neverRead: 2, expirations: 0 });
    await clock.advance(1_000);
    cache.peek('read');
    expect(cache.stats().l1).toMatchObject({ neverRead: 2, expirations: 1 });
  });

  it('names what is not there and what is there twice', async () => {
    const { admin } = make();
    const missing = { code: 'CACHE_NAMESPACE_NOT_FOUND' };
    await expect(admin.stats({ namespace: 'x' })).rejects.toMatchObject(missing);
    await expect(admin.clear({ namespace: '__proto__' })).rejects.toMatchObject(missing);
    await expect(admin.list({ limit: 0 })).rejects.toThrow('Expected `limit`');
    const one = createCache({ namespace: 'twice' });
    expect(() => new CacheAdmin([one, one])).toThrow('Two caches have the namespace "twice"');
  });
});
