import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cache,
  type CacheOptions,
  type CacheStore,
  createCache,
  memoryStore,
} from '../src/index.js';
import { diskStore } from '../src/stores/disk.js';
import { FaultyStore } from '../src/testing.js';

const never = (): never => {
  throw new Error('a miss');
};
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let top: string;
let folders = 0;
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'holdfast-tiers-'));
});
afterAll(() => rm(top, { recursive: true, force: true }));

/** Runs a test with a folder of its own; closes what it opened. */
async function withDisk(
  body: (disk: () => CacheStore, open: Open) => Promise<void>,
): Promise<void> {
  folders += 1;
  const path = join(top, String(folders));
  const caches: Cache[] = [];
  const stores: CacheStore[] = [];
  const disk = (): CacheStore => {
    const store = diskStore({ path });
    stores.push(store);
    return store;
  };
  const open: Open = (options) => {
    const cache = createCache({ namespace: 'three', resilience: { retryAfter: 20 }, ...options });
    caches.push(cache);
    return cache;
  };
  try {
    await body(disk, open);
  } finally {
    for (const cache of caches) await cache.close();
    for (const store of stores) await store.close();
  }
}

type Open = (options: Partial<CacheOptions>) => Cache;

/** Sets `k`, and makes L2, which holds three entries, push it out: that leaves no trace of it there. */
async function setAndEvict(cache: Cache, l2: CacheStore): Promise<void> {
  // L3 is emptied when the messages of L2 begin to arrive.
  do await cache.set('k', 'older', { ttl: '10s', tags: ['t'] });
  while ((await cache.inspect('k')).l3 === null);
  const bytes = Buffer.from('x');
  const others = ['1', '2', '3', '4'].map((key) => ({ key, bytes, ttlMs: 60_000 }));
  await l2.setMany('others', others);
  expect((await cache.inspect('k')).l2).toBeNull();
}

describe('a cache with a disk below', () => {
  it('keeps its entries from one start to the next', () =>
    withDisk(async (disk, open) => {
      const before = open({ l3: disk() });
      await before.set('k', 'value', { ttl: '1m', tags: ['t'] });
      await before.set('other', 'value');
      await before.delete('other');
      await before.close();
      const after = open({ l3: disk() });
      expect([await after.get('k'), await after.get('other')]).toEqual(['value', undefined]);
      expect([after.peek('k'), after.stats().l3?.hits, after.stats().l2]).toEqual([
        'value',
        1,
        null,
      ]);
      await after.invalidateTags(['t']);
      expect(await open({ l3: disk() }).get('k')).toBeUndefined();
    }));

  it('fills L1 and L2 from L3 with the time that remains', () =>
    withDisk(async (disk, open) => {
      const l2 = memoryStore({ maxEntries: 3 });
      const cache = open({ l1: { ttl: 1 }, l2, l3: disk() });
      await setAndEvict(cache, l2);
      await wait(20);
      expect(await cache.getOrSet('k', never)).toBe('older');
      expect([cache.stats().l3?.hits, cache.stats().l2?.hits]).toEqual([1, 0]);
      // L2 is filled without anybody waiting for it.
      for (let i = 0; i < 200 && (await cache.inspect('k')).l2 === null; i += 1) await wait(5);
      const where = await cache.inspect('k');
      for (const tier of [where.l2, where.l3]) {
        expect(tier?.remainingMs).toBeGreaterThan(0);
        expect(tier?.remainingMs).toBeLessThanOrEqual(9_985);
        expect(tier?.tags).toEqual(['t']);
      }
      const above = open({ l2: memoryStore(), l3: disk(), subscribe: false });
      expect(await above.getOrSet('k', never)).toBe('older');
      expect(above.peek('k')).toBe('older');
    }));

  it.each([
    ['cleared', (other: Cache) => other.clear()],
    ['invalidated by tag', (other: Cache) => other.invalidateTags(['t'])],
  ])('brings nothing back in L2 that was %s there, though no message came', (_, invalidate) =>
    withDisk(async (disk, open) => {
      for (const subscribe of [true, false]) {
        const shared = memoryStore({ maxEntries: 3 });
        const l2 = new FaultyStore(shared);
        const cache = open({ l1: false, l2, l3: disk(), subscribe });
        await setAndEvict(cache, shared);
        l2.tells = false;
        const other = open({ l2: shared });
        await invalidate(other);
        // It may be served here until the message arrives, but by no other process.
        expect(await cache.get('k')).toBe('older');
        await wait(50);
        expect(await other.get('k')).toBeUndefined();
        await cache.clear();
      }
    }),
  );

  it('answers from L3 while L2 is away, and from no stale value afterwards', () =>
    withDisk(async (disk, open) => {
      const shared = memoryStore();
      const l2 = new FaultyStore(shared);
      const cache = open({
        l1: false,
        l2,
        l3: disk(),
        resilience: { failures: 1, retryAfter: 20 },
      });
      // L3 is emptied when the messages of L2 begin to arrive.
      do await cache.set('k', 'before');
      while ((await cache.inspect('k')).l3 === null);
      l2.fault = 'fail';
      expect(await cache.getOrSet('k', never)).toBe('before');
      await cache.set('k', 'during');
      expect(await cache.getOrSet('k', never)).toBe('during');
      expect((await cache.health()).status).toBe('degraded');
      l2.fault = 'none';
      while (cache.stats().l2?.circuit === 'open' || cache.stats().l2?.awaitingRepair)
        await wait(10);
      // The repair deletes the key in L2, and what L2 knows to be deleted is not asked of L3.
      expect(await cache.getOrSet('k', () => 'after')).toBe('after');
    }));

  it('hears of changes by others', () =>
    withDisk(async (disk, open) => {
      const shared = memoryStore();
      const cache = open({ l1: false, l2: shared, l3: disk() });
      const other = open({ l2: shared });
      for (const change of [
        () => other.delete('k'),
        () => other.set('k', 'newer', { ttl: 1 }),
        () => other.invalidateTags(['t']),
        () => other.clear(),
      ]) {
        await cache.set('k', 'older', { tags: ['t'] });
        await change();
        await wait(10);
        expect(await cache.get('k')).toBeUndefined();
      }
    }));

  it('does not use what was on disk before it could hear of changes', () =>
    withDisk(async (disk, open) => {
      const shared = memoryStore();
      await open({ l3: disk() }).set('k', 'unknown to others');
      const cache = open({ l1: false, l2: shared, l3: disk() });
      expect(await cache.getOrSet('k', () => 'made')).toBe('made');
      const away = new FaultyStore(memoryStore());
      away.fault = 'fail';
      await open({ l3: disk() }).set('k2', 'unknown to others');
      const deaf = open({ l1: false, l2: away, l3: disk(), resilience: { failures: 1 } });
      expect(await deaf.getOrSet('k2', () => 'made')).toBe('made');
    }));

  it('does not ask L3 for what L2 knows to be deleted, though no message came', () =>
    withDisk(async (disk, open) => {
      const shared = memoryStore();
      const cache = open({ l1: false, l2: shared, l3: disk(), subscribe: false });
      await cache.set('k', 'older', { tags: ['t'] });
      await shared.deleteMany('three', ['k']);
      expect(await cache.getOrSet('k', () => 'newer')).toBe('newer');
      await cache.set('k', 'older', { tags: ['t'] });
      await shared.invalidateTags('three', ['t']);
      expect(await cache.getOrSet('k', () => 'newest')).toBe('newest');
      expect(await cache.get('k')).toBe('newest');
    }));

  it('stores nothing in any tier that was invalidated while its factory ran', () =>
    withDisk(async (disk, open) => {
      const cache = open({ l2: memoryStore(), l3: disk() });
      await cache.get('warm');
      const made = await cache.getOrSet('k', async () => {
        await cache.delete('k');
        return 'older';
      });
      expect(made).toBe('older');
      await wait(20);
      const { l1, l2, l3 } = await cache.inspect('k');
      expect([l1, l2, l3]).toEqual([null, null, null]);
    }));

  it('refuses what is no store', () => {
    const make = (): Cache => createCache({ namespace: 'x', l3: {} as never });
    expect(make).toThrow('Expected `l3` to be a cache store');
  });
});
