import { describe, expect, it } from 'vitest';
import { createCache, memoryStore } from '../src/index.js';
import { settle } from './support/virtual-clock.js';

const tiers = [
  { name: 'L1', make: () => createCache({ namespace: 'stampede' }) },
  { name: 'L1 over L2', make: () => createCache({ namespace: 'stampede', l2: memoryStore() }) },
  {
    name: 'L2 alone',
    make: () => createCache({ namespace: 'stampede', l1: false, l2: memoryStore() }),
  },
];

describe.each(tiers)('a thousand callers of one cold key, $name', ({ make }) => {
  const thousand = Array.from({ length: 1_000 });

  it('cause one factory run and all get its value', async () => {
    const cache = make();
    let calls = 0;
    const factory = async () => {
      calls += 1;
      await settle();
      return { n: calls };
    };
    const values = await Promise.all(thousand.map(() => cache.getOrSet('k', factory)));
    expect(calls).toBe(1);
    expect(new Set(values).size).toBe(1);
    expect(cache.stats().loads).toMatchObject({ count: 1, joined: 999, running: 0 });
  });

  it('all get the error of one failing run; the next wave runs it again', async () => {
    const cache = make();
    const error = new Error('upstream is down');
    let calls = 0;
    const factory = async (): Promise<string> => {
      calls += 1;
      await settle();
      throw error;
    };
    const wave = () => Promise.allSettled(thousand.map(() => cache.getOrSet('k', factory)));
    for (const result of await wave()) {
      expect(result.status === 'rejected' && result.reason).toBe(error);
    }
    expect(calls).toBe(1);
    await wave();
    expect(calls).toBe(2);
    expect(await cache.getOrSet('k', () => 'well again')).toBe('well again');
    expect(cache.stats().loads).toMatchObject({ count: 3, errors: 2 });
  });

  it('a factory that throws at once is like one that rejects', async () => {
    const cache = make();
    const factory = (): never => {
      throw new TypeError('at once');
    };
    await expect(cache.getOrSet('k', factory)).rejects.toThrow('at once');
    expect(await cache.getOrSet('k', () => 1)).toBe(1);
  });

  it('different keys do not wait for each other', async () => {
    const cache = make();
    const stuck = cache.getOrSet('stuck', () => new Promise<never>(() => undefined));
    expect(await cache.getOrSet('free', () => 'free')).toBe('free');
    expect(stuck).toBeInstanceOf(Promise);
  });
});
