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

/** Does it, and remembers what was set last. What is read is that or nothing. */
function follow(one: Step, cache: Cache<Sized>, latest: Map<string, Sized>): void {
  if (one.do === 'get') {
    const value = cache.peek(one.key);
    if (value !== undefined) expect(value).toBe(latest.get(one.key));
  } else if (one.do === 'clear') {
    void cache.clear();
    latest.clear();
  } else if (one.do === 'delete') {
    void cache.delete(one.key);
    latest.delete(one.key);
  } else {
    const value = { size: one.size };
    void cache.set(one.key, value);
    latest.set(one.key, value);
    expect(cache.peek(one.key)).toBe(value);
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

describe('the scan-resistant policy', () => {
  it('keeps to the limits, serves the latest value or none, and has what was just set', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        fc.array(step, { minLength: 1, maxLength: 300 }),
        (maxEntries, limitBytes, steps) => {
          const sizeOf = (value: unknown): number => (value as Sized).size;
          const bytes = limitBytes ? { maxBytes: 100, sizeOf } : {};
          const l1 = { maxEntries, policy: 'tinylfu', ...bytes } as const;
          const cache = createCache<Sized>({ namespace: 'tinylfu', l1 });
          const latest = new Map<string, Sized>();
          for (const one of steps) {
            follow(one, cache, latest);
            const stats = cache.stats().l1;
            expect(stats?.entries).toBeLessThanOrEqual(maxEntries);
            if (limitBytes) expect(stats?.bytes).toBeLessThanOrEqual(100);
          }
          const held = [...latest].filter(([name]) => cache.peek(name) !== undefined);
          const { entries, bytes: kept } = cache.stats().l1 ?? {};
          const sum = held.reduce((total, [, { size }]) => total + size, 0);
          expect([held.length, limitBytes ? sum : 0]).toEqual([entries, kept]);
          void cache.close();
        },
      ),
    );
  });

  it('keeps what is read often while a scan passes through', () => {
    const hits = (policy: 'lru' | 'tinylfu'): number => {
      const cache = createCache<number>({ namespace: 'scan', l1: { maxEntries: 100, policy } });
      let count = 0;
      const read = (name: string): void => {
        if (cache.peek(name) === undefined) void cache.set(name, 1);
        else count += 1;
      };
      for (let round = 0; round < 40; round += 1) {
        for (let i = 0; i < 50; i += 1) read(`hot:${i}`);
        for (let i = 0; i < 200; i += 1) read(`scan:${round}:${i}`);
      }
      return count;
    };
    expect(hits('lru')).toBe(0);
    expect(hits('tinylfu')).toBeGreaterThan(0.9 * 39 * 50);
  });

  it('becomes recency where that serves better', () => {
    const hits = (policy: 'lru' | 'tinylfu'): number => {
      const cache = createCache<number>({ namespace: 'recency', l1: { maxEntries: 100, policy } });
      let count = 0;
      // Every key is read six times within the last 60 keys, and then never again.
      for (let i = 0; i < 20_000; i += 1) {
        for (const back of [0, 12, 24, 36, 48, 60]) {
          if (cache.peek(`${i - back}`) === undefined) void cache.set(`${i - back}`, 1);
          else count += 1;
        }
      }
      return count;
    };
    expect(hits('tinylfu')).toBeGreaterThan(0.98 * hits('lru'));
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
    // The time is looked up again after so many reads, if not before.
    for (let i = 0; i < 65; i += 1) cache.peek('k');
    expect(cache.peek('k')).toBeUndefined();
  });
});
