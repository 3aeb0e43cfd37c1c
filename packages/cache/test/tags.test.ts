import { describe, expect, it } from 'vitest';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { resolveL1 } from '../src/l1-options.js';
import { MemoryTier } from '../src/memory-tier.js';
import { TagLog } from '../src/tag-log.js';
import { FaultyStore } from '../src/testing.js';
import { manualFactory } from './support/manual-factory.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

const tiers = [
  { name: 'L1', make: () => createCache({ namespace: 'tags' }) },
  { name: 'L1 over L2', make: () => createCache({ namespace: 'tags', l2: memoryStore() }) },
  { name: 'L2', make: () => createCache({ namespace: 'tags', l1: false, l2: memoryStore() }) },
];

const present = async (cache: Cache, keys: string) =>
  [...(await cache.getMany(keys.split(''))).keys()].join('');

describe.each(tiers)('tags, $name', ({ make }) => {
  it('invalidate what carries one of them, however it got them', async () => {
    const cache = make();
    await cache.set('a', 1, { tags: ['x', 'y'] });
    await cache.setMany([['b', { org: 7 }]], { tags: ({ org }) => [`org:${org}`] });
    await cache.getOrSet('c', (context) => {
      context.tag('late', 'later');
      context.tag('latest');
      return 3;
    });
    await cache.getOrSet('d', () => 4, { tags: ['d'] });
    await cache.set('e', 5);
    await settle();
    expect(await present(cache, 'abcde')).toBe('abcde');
    await cache.invalidateTags(['nobody']);
    expect(await present(cache, 'abcde')).toBe('abcde');
    await cache.invalidateTags(['y', 'later']);
    expect(await present(cache, 'abcde')).toBe('bde');
    await cache.invalidateTags(['org:7']);
    await cache.invalidateTags(['d']);
    expect(await present(cache, 'abcde')).toBe('e');
    await cache.set('a', 2, { tags: ['x'] });
    expect(await cache.get('a')).toBe(2);
  });

  it('of an older value do not count for a newer one', async () => {
    const cache = make();
    await cache.set('a', 1, { tags: ['x'] });
    await cache.set('a', 2);
    await cache.invalidateTags(['x']);
    expect(await cache.get('a')).toBe(2);
    await cache.set('a', 3, { tags: ['y'] });
    await cache.invalidateTags(['x']);
    expect(await cache.get('a')).toBe(3);
  });

  it('who comes after an invalidation does not get what was begun before it', async () => {
    const cache = make();
    const older = manualFactory();
    const first = cache.getOrSet('k', older.factory, { tags: () => ['t'] });
    await older.started;
    await cache.invalidateTags(['t']);
    const second = cache.getOrSet('k', () => 'new', { tags: ['t'] });
    older.end('old');
    expect([await first, await second]).toEqual(['old', 'new']);
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  it('who comes after an invalidation of other tags joins what was begun before it', async () => {
    const cache = make();
    const { factory, started, end } = manualFactory();
    const first = cache.getOrSet('k', factory, { tags: ['t'] });
    await started;
    await cache.invalidateTags(['other']);
    const second = cache.getOrSet('k', () => 'unused');
    end('made');
    expect([await first, await second, await cache.get('k')]).toEqual(['made', 'made', 'made']);
  });

  it.each([
    ['x'],
    [[1]],
    [['']],
    [['a'.repeat(257)]],
    [['\u0000own']],
    [['\ud800']],
    [Array.from({ length: 65 }, (_, i) => `t${i}`)],
    [null],
    [{ length: 1, 0: 'x' }],
  ])('refuses %o', async (tags) => {
    const cache = make();
    const code = 'CACHE_OPTION_INVALID';
    await expect(cache.set('k', 1, { tags: tags as never })).rejects.toMatchObject({ code });
    await expect(cache.set('k', 1, { tags: () => tags as never })).rejects.toMatchObject({ code });
    const loading = cache.getOrSet('k', () => 1, { tags: () => tags as never });
    await expect(loading).rejects.toMatchObject({ code });
    expect(await cache.get('k')).toBeUndefined();
  });
});

it('thousands of invalidated tags are forgotten without reviving an entry', async () => {
  const cache = createCache({ namespace: 'many-tags' });
  for (let i = 0; i < 100; i += 1) await cache.set(`k${i}`, i, { tags: [`t${i}`] });
  const { factory, started, end } = manualFactory();
  const loading = cache.getOrSet('loading', factory, { tags: ['t0'] });
  await started;
  for (let i = 50; i < 25_000; i += 1) await cache.invalidateTags([`t${i}`]);
  for (let i = 0; i < 100; i += 1) expect(cache.peek(`k${i}`)).toBe(i < 50 ? i : undefined);
  // Nothing is known any more of the time when it began: it is not kept.
  end('made');
  await loading;
  expect(cache.peek('loading')).toBeUndefined();
});

it('an entry is found after more invalidations than 32 bits count', () => {
  const log = new TagLog();
  log.generation = 2 ** 32 + 5;
  const tier = new MemoryTier(resolveL1({}), new VirtualClock(), log);
  tier.set('tagged', 1, 1_000, { tags: ['x'] });
  tier.set('plain', 2, 1_000);
  log.invalidate(['other']);
  expect([tier.read('tagged'), tier.read('plain')]).toEqual([1, 2]);
  log.invalidate(['x']);
  expect([tier.read('tagged'), tier.read('plain')]).toEqual([undefined, 2]);
});

it('the slot of an entry that left says nothing of the next one', async () => {
  const cache = createCache({ namespace: 'slots', l1: { maxEntries: 2 } });
  await cache.set('a', 1, { tags: ['x'] });
  await cache.set('b', 1, { tags: ['x'] });
  await cache.set('c', 1);
  await cache.set('d', 1, { tags: ['y'] });
  await cache.invalidateTags(['x']);
  expect(await present(cache, 'abcd')).toBe('cd');
  await cache.clear();
  await cache.set('e', 1, { tags: ['y'] });
  await cache.invalidateTags(['y']);
  expect(await present(cache, 'cde')).toBe('');
});

describe('tags and a failing L2', () => {
  function setUp() {
    const clock = new VirtualClock();
    const store = new FaultyStore(memoryStore({ clock }));
    const make = () =>
      createCache({ namespace: 'tags', l2: store, clock, subscribe: false, l1: { maxEntries: 1 } });
    return { clock, store, cache: make(), other: make() };
  }

  it('an entry is not read there until the invalidation has arrived', async () => {
    const { clock, store, cache, other } = setUp();
    await cache.set('a', 'old', { tags: ['t'] });
    await cache.set('b', 'kept');
    store.fault = 'fail';
    await cache.invalidateTags(['t']);
    store.fault = 'none';
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.get('b')).toBe('kept');
    expect(cache.stats().l2?.awaitingRepair).toBe(1);
    expect(await other.get('a')).toBe('old');
    await clock.advance(2_000);
    expect(cache.stats().l2?.awaitingRepair).toBe(0);
    await other.set('push', 'a out of L1');
    expect([await other.get('a'), await cache.get('a')]).toEqual([undefined, undefined]);
  });

  it('an entry read there before the invalidation, told of after it, is not kept', async () => {
    const l2 = memoryStore();
    await createCache({ namespace: 'tags', l2 }).set('a', 'old', { tags: ['t'] });
    const cache = createCache({ namespace: 'tags', l2 });
    const { getMany, invalidateTags } = l2;
    let tell = (): void => undefined;
    let invalidate = (): void => undefined;
    l2.invalidateTags = async (...args) => {
      await new Promise<void>((resolve) => (invalidate = resolve));
      await invalidateTags.apply(l2, args);
    };
    l2.getMany = async (...args) => {
      const reads = await getMany.apply(l2, args);
      await new Promise<void>((resolve) => (tell = resolve));
      return reads;
    };
    const invalidating = cache.invalidateTags(['t']);
    const reading = cache.get('a');
    await settle();
    invalidate();
    await invalidating;
    tell();
    await reading;
    expect(cache.peek('a')).toBeUndefined();
  });
});

it('are heard of by other caches on the store', async () => {
  const l2 = memoryStore();
  const [one, two] = [1, 2].map(() => createCache({ namespace: 'shared', l2 })) as [Cache, Cache];
  await one.set('a', 1, { tags: ['x'] });
  await one.set('b', 1, { tags: ['y'] });
  expect(await present(two, 'ab')).toBe('ab');
  await one.invalidateTags(['x']);
  expect([two.peek('a'), two.peek('b')]).toEqual([undefined, 1]);
});
