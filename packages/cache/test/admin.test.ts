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
  keyInspectionSchema,
} from '../src/schemas.js';

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
