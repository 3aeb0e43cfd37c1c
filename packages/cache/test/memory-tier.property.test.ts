import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../src/index.js';

const key = fc.integer({ min: 0, max: 30 }).map(String);
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key,
      size: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);

interface Sized {
  readonly size: number;
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does the same to both; what is read must be the same. */
function apply(one: Step, cache: Cache<Sized>, model: LRUCache<string, Sized>): void {
  if (one.do === 'get') expect(cache.peek(one.key)).toBe(model.get(one.key));
  else if (one.do === 'clear') {
    void cache.clear();
    model.clear();
  } else if (one.do === 'delete') {
    void cache.delete(one.key);
    model.delete(one.key);
  } else {
    const value = { size: one.size };
    void cache.set(one.key, value);
    model.set(one.key, value);
  }
}

describe('the memory tier keeps what lru-cache keeps', () => {
  it.each([
    ['by count', {}, {}],
    [
      'by count and bytes',
      { maxBytes: 200, sizeOf: (value: unknown) => (value as Sized).size },
      { maxSize: 200, sizeCalculation: (value: Sized) => value.size },
    ],
  ])('%s', (_, ours, theirs) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(step, { minLength: 1, maxLength: 300 }),
        (max, steps) => {
          const cache = createCache<Sized>({
            namespace: 'model',
            l1: { maxEntries: max, ...ours },
          });
          const model = new LRUCache<string, Sized>({ max, ...theirs });
          for (const one of steps) {
            apply(one, cache, model);
            const { entries, bytes } = cache.stats().l1 ?? {};
            expect([entries, bytes]).toEqual([model.size, model.calculatedSize]);
          }
          void cache.close();
        },
      ),
    );
  });
});

it('holds thousands of entries, and takes new ones in the place of those that left', async () => {
  const cache = createCache<number>({ namespace: 'large', l1: { maxEntries: 5_000 } });
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < 7_000; i += 1) void cache.set(`${round}.${i}`, i);
    for (let i = 0; i < 7_000; i += 1) {
      expect(cache.peek(`${round}.${i}`)).toBe(i < 2_000 ? undefined : i);
    }
    expect(await cache.getOrSet(`${round}.6999`, () => -1)).toBe(6_999);
    if (round === 1) await cache.clear();
    else for (let i = 2_000; i < 7_000; i += 2) await cache.delete(`${round}.${i}`);
  }
  expect(cache.stats().l1?.entries).toBe(2_500);
});

describe('by the system’s clock', () => {
  it('an entry ends with its time to live', async () => {
    const cache = createCache({ namespace: 'expiry' });
    await cache.set('k', 'v', { ttl: 20 });
    expect(cache.peek('k')).toBe('v');
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(cache.peek('k')).toBeUndefined();
  });

  it('ends also while the event loop is held up', () => {
    const cache = createCache({ namespace: 'expiry' });
    void cache.set('k', 'v', { ttl: 20 });
    const end = performance.now() + 30;
    while (performance.now() < end) cache.peek('k');
    expect(cache.peek('k')).toBeUndefined();
  });
});
