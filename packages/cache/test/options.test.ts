import { describe, expect, it } from 'vitest';
import { createCache, isCacheError } from '../src/index.js';

const caught = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (err) {
    return err;
  }
};

describe('options', () => {
  it.each<[object, string]>([
    [{}, 'Expected `namespace` to be 1-64'],
    [{ namespace: 'a b' }, 'got "a b" (string)'],
    [{ namespace: '{a}' }, 'Expected `namespace`'],
    [{ namespace: 'n', ttl: '5 minutes' }, 'Expected `ttl` to be a duration'],
    [{ namespace: 'n', ttl: -1 }, 'got -1 (number)'],
    [{ namespace: 'n', ttl: Number.NaN }, 'got NaN (number)'],
    [{ namespace: 'n', ttl: null }, 'got null (null)'],
    [{ namespace: 'n', ttl: 1e300 }, 'Expected `ttl`'],
    [{ namespace: 'n', jitter: 1.1 }, 'Expected `jitter` to be a number from 0 to 1'],
    [{ namespace: 'n', l1: true }, 'Expected `l1` to be an object'],
    [{ namespace: 'n', l1: { maxEntries: 0 } }, 'Expected `l1.maxEntries`'],
    [{ namespace: 'n', l1: { max: 1 } }, 'Expected `l1.max` to be one of maxEntries'],
    [{ namespace: 'n', l1: { policy: 'fifo' } }, "Expected `l1.policy` to be 'lru' or 'tinylfu'"],
    [{ namespace: 'n', l1: { maxBytes: 1.5 } }, 'Expected `l1.maxBytes`'],
    [{ namespace: 'n', l1: { sizeOf: 1 } }, 'Expected `l1.sizeOf`'],
    [{ namespace: 'n', l1: { ttl: 0 } }, 'Expected `l1.ttl`'],
    [{ namespace: 'n', lock: true }, 'Expected `lock` to be an object'],
    [{ namespace: 'n', lock: { ttl: 1 } }, 'Expected `lock.ttl`'],
    [{ namespace: 'n', lock: { time: 1 } }, 'Expected `lock.time` to be one of ttl'],
    [{ namespace: 'n', l2: {} }, 'Expected `l2` to be a cache store'],
    [{ namespace: 'n', l2: null }, 'Expected `l2` to be a cache store'],
    [{ namespace: 'n', serializer: {} }, 'Expected `serializer`'],
    [{ namespace: 'n', version: '' }, 'Expected `version`'],
    [{ namespace: 'n', resilience: { timeout: 0 } }, 'Expected `resilience.timeout`'],
    [{ namespace: 'n', resilience: { failures: 0.5 } }, 'Expected `resilience.failures`'],
    [{ namespace: 'n', resilience: { retries: 1 } }, 'Expected `resilience.retries`'],
    [{ namespace: 'n', subscribe: 1 }, 'Expected `subscribe` to be a boolean'],
    [{ namespace: 'n', tll: 1 }, 'Expected `options.tll` to be one of namespace'],
  ])('refuses %o', (options, message) => {
    const err = caught(() => createCache(options as never));
    expect(isCacheError(err) && err.code).toBe('CACHE_OPTION_INVALID');
    expect(String(err)).toContain(message);
  });

  it.each(['', 'x'.repeat(1_025), 'lone \ud800', undefined, null, 1, {}, []])(
    'refuses the key %o everywhere',
    async (key) => {
      const cache = createCache<unknown>({ namespace: 'keys' });
      const code = { code: 'CACHE_KEY_INVALID' };
      const bad = key as string;
      await expect(cache.getOrSet(bad, () => 1)).rejects.toMatchObject(code);
      await expect(cache.get(bad)).rejects.toMatchObject(code);
      await expect(cache.getMany(['ok', bad])).rejects.toMatchObject(code);
      await expect(cache.set(bad, 1)).rejects.toMatchObject(code);
      await expect(cache.delete(bad)).rejects.toMatchObject(code);
      await expect(cache.has(bad)).rejects.toMatchObject(code);
      await expect(cache.inspect(bad)).rejects.toMatchObject(code);
      expect(() => cache.peek(bad)).toThrow('Expected `key`');
    },
  );

  it.each(['constructor', '__proto__', 'toString', 'ключ', '🗝', 'a\nb', 'x'.repeat(1_024)])(
    'takes the key %o',
    async (key) => {
      const cache = createCache({ namespace: 'keys' });
      expect(await cache.get(key)).toBeUndefined();
      expect(await cache.getOrSet(key, () => 'v')).toBe('v');
    },
  );

  it('refuses malformed options of a call before anything is done', async () => {
    const cache = createCache<unknown>({ namespace: 'calls' });
    const code = { code: 'CACHE_OPTION_INVALID' };
    let called = false;
    const factory = () => {
      called = true;
    };
    await expect(cache.getOrSet('k', factory, { ttl: '1 h' as never })).rejects.toMatchObject(code);
    await expect(cache.getOrSet('k', factory, { tll: 1 } as never)).rejects.toMatchObject(code);
    await expect(cache.getOrSet('k', 'v' as never)).rejects.toMatchObject(code);
    await expect(cache.set('k', 1, { ttl: -1 })).rejects.toMatchObject(code);
    await expect(cache.getMany('k' as never)).rejects.toMatchObject(code);
    await expect(cache.setMany({ k: 1 } as never)).rejects.toMatchObject(code);
    await expect(cache.close({ deadline: 'soon' as never })).rejects.toMatchObject(code);
    expect(() => cache.wrap((n: number) => n, {} as never)).toThrow('Expected `options.key`');
    expect([called, cache.peek('k')]).toEqual([false, undefined]);
  });

  it('gives a ttl function that returns nonsense back to the caller as an error', async () => {
    const cache = createCache({ namespace: 'calls' });
    const ttl = () => Number.NaN;
    await expect(cache.getOrSet('k', () => 1, { ttl })).rejects.toThrow('Expected `ttl`');
  });
});
