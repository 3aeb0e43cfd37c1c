import { describe, expect, expectTypeOf, it } from 'vitest';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

describe('values', () => {
  it.each([null, 0, '', false, Number.NaN, [], {}])(
    'keeps %o like any other value',
    async (value) => {
      const cache = createCache({ namespace: 'values' });
      let calls = 0;
      const factory = () => {
        calls += 1;
        return value;
      };
      expect(await cache.getOrSet('k', factory)).toEqual(value);
      expect(await cache.getOrSet('k', factory)).toEqual(value);
      expect([calls, await cache.get('k'), cache.peek('k')]).toEqual([1, value, value]);
    },
  );

  it('returns undefined from a factory without storing it, and refuses to set it', async () => {
    const cache = createCache({ namespace: 'values', l2: memoryStore() });
    let calls = 0;
    const factory = () => {
      calls += 1;
    };
    await cache.getOrSet('k', factory);
    await cache.getOrSet('k', factory);
    expect([calls, await cache.has('k')]).toEqual([2, false]);
    await expect(cache.set('k', undefined)).rejects.toMatchObject({ code: 'CACHE_VALUE_INVALID' });
  });

  it('answers L1 hits with one promise, made once', async () => {
    const cache = createCache({ namespace: 'values' });
    await cache.set('k', 1);
    const factory = () => 2;
    expect(cache.getOrSet('k', factory)).toBe(cache.getOrSet('k', factory));
    expect(cache.get('k')).toBe(cache.get('k'));
  });

  it('types what comes back by the factory and by the cache', async () => {
    const cache = createCache<{ id: number }>({ namespace: 'types' });
    expectTypeOf(cache.getOrSet('k', () => ({ id: 1, a: '' }))).resolves.toEqualTypeOf<{
      id: number;
      a: string;
    }>();
    expectTypeOf(cache.get('k')).resolves.toEqualTypeOf<{ id: number } | undefined>();
    expectTypeOf(cache.wrap((id: number) => ({ id }), { key: String })).toEqualTypeOf<
      (id: number) => Promise<{ id: number }>
    >();
    // The few lines that a consumer of a cache declares for itself.
    expectTypeOf<Cache>().toExtend<{
      getOrSet<T>(key: string, factory: () => Promise<T>, options?: { ttl?: number }): Promise<T>;
      delete(key: string): Promise<unknown>;
    }>();
  });
});

describe('many keys', () => {
  it('gets those that exist, sets and deletes in one call', async () => {
    const store = memoryStore();
    const cache = createCache({ namespace: 'many', l2: store, l1: false });
    await cache.setMany(
      new Map([
        ['a', 1],
        ['b', 2],
        ['__proto__', 3],
      ]),
    );
    expect(await cache.getMany(['b', 'x', 'a', '__proto__'])).toEqual(
      new Map([
        ['b', 2],
        ['a', 1],
        ['__proto__', 3],
      ]),
    );
    await cache.deleteMany(['a', 'b']);
    expect(await cache.getMany(['a', 'b'])).toEqual(new Map());
  });

  it('stores nothing when one of the entries is refused', async () => {
    const cache = createCache({ namespace: 'many' });
    const entries: [string, unknown][] = [
      ['a', 1],
      ['', 2],
    ];
    await expect(cache.setMany(entries)).rejects.toMatchObject({ code: 'CACHE_KEY_INVALID' });
    expect(cache.peek('a')).toBeUndefined();
  });

  it('asks L2 once for all reads of a tick', async () => {
    const store = memoryStore();
    let calls = 0;
    const { getMany } = store;
    store.getMany = (...args) => {
      calls += 1;
      return getMany.apply(store, args);
    };
    const cache = createCache({ namespace: 'many', l2: store });
    await Promise.all([cache.get('a'), cache.getMany(['a', 'b']), cache.getOrSet('c', () => 1)]);
    expect(calls).toBe(1);
  });
});

describe('time to live', () => {
  it('ends with the entry, the cache, or a function of the value', async () => {
    const clock = new VirtualClock();
    const cache = createCache({ namespace: 'ttl', ttl: '10s', clock });
    await cache.set('default', 1);
    await cache.set('own', 1, { ttl: '20s' });
    await cache.getOrSet('none', () => null, { ttl: (value) => (value === null ? 500 : '1h') });
    await cache.set('zero', 1, { ttl: 0 });
    const present = () =>
      ['default', 'own', 'none', 'zero'].filter((k) => cache.peek(k) !== undefined);
    expect(present()).toEqual(['default', 'own', 'none']);
    await clock.advance(500);
    expect(cache.peek('none')).toBeUndefined();
    await clock.advance(9_499);
    expect(present()).toEqual(['default', 'own']);
    await clock.advance(1);
    expect(present()).toEqual(['own']);
  });

  it('is shortened by the jitter, never lengthened', async () => {
    const clock = new VirtualClock();
    const cache = createCache({ namespace: 'ttl', ttl: 1_000, jitter: 0.5, clock });
    const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
    await cache.setMany(keys.map((key) => [key, 1]));
    await clock.advance(499);
    expect((await cache.getMany(keys)).size).toBe(200);
    await clock.advance(251);
    const left = (await cache.getMany(keys)).size;
    expect(left).toBeGreaterThan(50);
    expect(left).toBeLessThan(150);
    await clock.advance(250);
    expect((await cache.getMany(keys)).size).toBe(0);
  });

  it('fills L1 from L2 with the time that remains, and keeps to the limit of L1', async () => {
    const clock = new VirtualClock();
    const store = memoryStore({ clock });
    const writer = createCache({ namespace: 'ttl', ttl: '1m', l2: store, clock });
    const reader = createCache({ namespace: 'ttl', l2: store, l1: { ttl: '5s' }, clock });
    await writer.set('k', 'v');
    await clock.advance(40_000);
    expect(await reader.get('k')).toBe('v');
    expect((await reader.inspect('k')).l1).toEqual({
      ageMs: 40_000,
      remainingMs: 5_000,
      graceMs: 0,
      reads: 0,
      tags: [],
    });
    expect((await reader.inspect('k')).l2).toMatchObject({ remainingMs: 20_000 });
    await clock.advance(16_000);
    expect(await reader.get('k')).toBe('v');
    expect((await reader.inspect('k')).l1?.remainingMs).toBe(4_000);
    await clock.advance(4_000);
    expect([await reader.get('k'), await writer.get('k')]).toEqual([undefined, undefined]);
  });
});

describe('limits of L1', () => {
  it('by count: the least recently used leaves', async () => {
    const cache = createCache({ namespace: 'limits', l1: { maxEntries: 2 } });
    await cache.set('a', 1);
    await cache.set('b', 2);
    cache.peek('a');
    await cache.set('c', 3);
    expect(['a', 'b', 'c'].map((key) => cache.peek(key))).toEqual([1, undefined, 3]);
    expect(cache.stats().l1?.evictions).toBe(1);
  });

  it('by bytes: never more, and a giant does not push the others out', async () => {
    const cache = createCache({ namespace: 'limits', l1: { maxBytes: 20_000 } });
    for (let i = 0; i < 200; i += 1) {
      await cache.set(`k${i}`, { text: 'x'.repeat(i * 5) });
      expect(cache.stats().l1?.bytes).toBeLessThanOrEqual(20_000);
    }
    const before = cache.stats().l1?.entries ?? 0;
    await cache.set('giant', 'x'.repeat(50_000));
    expect([cache.peek('giant'), cache.stats().l1?.entries]).toEqual([undefined, before]);
    await cache.set('k199', 'x'.repeat(50_000));
    expect(cache.peek('k199')).toBeUndefined();
  });

  it('measures as it is told to, whatever comes back', async () => {
    const sizes: Record<string, number> = { a: Number.NaN, b: -5, c: 0, d: 3.2 };
    const sizeOf = (_value: unknown, key: string) => sizes[key] ?? 0;
    const cache = createCache({ namespace: 'limits', l1: { maxBytes: 100, sizeOf } });
    await cache.setMany(Object.keys(sizes).map((key) => [key, 1]));
    expect(cache.stats().l1?.bytes).toBe(7);
  });
});

describe('wrap', () => {
  it('answers from the cache by the key of the arguments', async () => {
    const cache = createCache({ namespace: 'wrap' });
    const calls: number[] = [];
    const square = cache.wrap(
      (n: number) => {
        calls.push(n);
        return n * n;
      },
      { key: (n) => `square:${n}`, ttl: '1m' },
    );
    expect([await square(2), await square(2), await square(3)]).toEqual([4, 4, 9]);
    expect(calls).toEqual([2, 3]);
    await cache.delete('square:2');
    await square(2);
    expect(calls).toEqual([2, 3, 2]);
  });
});

describe('entries of another form', () => {
  it('are misses: another version, another serialiser, junk', async () => {
    const store = memoryStore();
    const make = (options: object) =>
      createCache({ namespace: 'form', l2: store, l1: false, ...options });
    await make({}).set('k', 'v');
    const reversed = {
      id: 'reversed',
      encode: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).reverse(),
      decode: (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes.slice().reverse())),
    };
    expect(await make({}).get('k')).toBe('v');
    expect(await make({ version: '2' }).get('k')).toBeUndefined();
    expect(await make({ serializer: reversed }).get('k')).toBeUndefined();
    await make({ serializer: reversed }).set('k', 'w');
    expect(await make({ serializer: reversed }).get('k')).toBe('w');
    const cache = make({});
    expect(await cache.getOrSet('k', () => 'fresh')).toBe('fresh');
    await settle();
    expect([await make({}).get('k'), cache.stats().l2?.foreign]).toEqual(['fresh', 1]);
  });

  it('are misses when truncated or flipped anywhere', async () => {
    const store = memoryStore();
    const cache = createCache({ namespace: 'junk', l2: store, l1: false });
    await cache.set('k', { a: 1 });
    const whole = (await store.getMany('junk', ['k']))[0]?.bytes ?? new Uint8Array();
    for (let end = 0; end < whole.length; end += 1) {
      await store.setMany('junk', [{ key: 'k', bytes: whole.slice(0, end), ttlMs: 1_000 }]);
      expect(await cache.get('k')).toBeUndefined();
    }
  });

  it('a value that cannot be encoded stays in L1, and no older one stays in L2', async () => {
    const cache = createCache({ namespace: 'big', l2: memoryStore(), l1: { maxEntries: 1 } });
    await cache.set('k', 'old');
    await cache.set('k', 1n);
    expect(await cache.get('k')).toBe(1n);
    await cache.set('other', 1);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => () => 'a function')).toBeTypeOf('function');
    expect(cache.stats().l2?.unencodable).toBe(2);
  });
});

describe('close', () => {
  it('waits for what is in hand, refuses what is new, and leaves the store open', async () => {
    const store = memoryStore();
    const cache = createCache({ namespace: 'close', l2: store });
    let finish = (_value: string): void => {};
    const loading = cache.getOrSet('k', () => new Promise<string>((resolve) => (finish = resolve)));
    await settle();
    const closing = cache.close();
    for (const call of [
      () => cache.get('k'),
      () => cache.getOrSet('x', () => 1),
      () => cache.set('x', 1),
      () => cache.delete('x'),
      () => cache.clear(),
      () => cache.inspect('x'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
    }
    expect(() => cache.peek('x')).toThrow('is closed');
    finish('late');
    expect(await loading).toBe('late');
    expect(await closing).toMatchObject({ drained: true });
    expect(await cache.close()).toBe(await closing);
    const other = createCache({ namespace: 'close', l2: store });
    expect(await other.get('k')).toBe('late');
  });

  it('resolves at the deadline when a factory does not end', async () => {
    const cache = createCache({ namespace: 'close' });
    const loading = cache.getOrSet('k', () => new Promise<never>(() => undefined));
    expect(await cache.close({ deadline: 10 })).toMatchObject({ drained: false });
    expect(loading).toBeInstanceOf(Promise);
  });
});
