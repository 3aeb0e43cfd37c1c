import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { buildProgram } from './support/program.js';
import { settle } from './support/virtual-clock.js';

describe.each([
  { name: 'L1', make: () => createCache({ namespace: 'many' }) },
  { name: 'L1 over L2', make: () => createCache({ namespace: 'many', l2: memoryStore() }) },
])('getOrSetMany, $name', ({ make }) => {
  const loader = () => {
    const calls: (readonly string[])[] = [];
    const load = async (keys: readonly string[]) => {
      calls.push(keys);
      await settle();
      return keys.filter((key) => key !== 'none').map((key) => [key, `made ${key}`] as const);
    };
    return { calls, load };
  };

  it('makes what is missing in one call, and leaves out what there is not', async () => {
    const cache = make();
    await cache.set('b', 'set');
    const { calls, load } = loader();
    const found = await cache.getOrSetMany(['a', 'b', 'none', 'c', 'a'], load);
    expect([...found]).toEqual([
      ['a', 'made a'],
      ['b', 'set'],
      ['c', 'made c'],
    ]);
    expect(calls).toEqual([['a', 'none', 'c']]);
    await cache.getOrSetMany(['a', 'c', 'none'], load);
    expect(calls[1]).toEqual(['none']);
    expect((await cache.getOrSetMany([], load)).size).toBe(0);
    expect(calls).toHaveLength(2);
  });

  it('shares loads with other callers', async () => {
    const cache = make();
    const { calls, load } = loader();
    const [many, other, one] = await Promise.all([
      cache.getOrSetMany(['a', 'b'], load),
      cache.getOrSetMany(['b', 'c'], load),
      cache.getOrSet('a', () => 'another'),
    ]);
    expect([many.get('a'), one, other.get('b')]).toEqual(['made a', 'made a', 'made b']);
    expect(calls).toEqual([['a', 'b'], ['c']]);
  });

  it('fails as its factory does, and stores nothing', async () => {
    const cache = make();
    const failing = () => Promise.reject(new Error('upstream is down'));
    await expect(cache.getOrSetMany(['a', 'b'], failing)).rejects.toThrow('upstream is down');
    const notIterable = () => 1 as never;
    await expect(cache.getOrSetMany(['a'], notIterable)).rejects.toThrow(TypeError);
    expect((await cache.getMany(['a', 'b'])).size).toBe(0);
  });

  it.each([
    [['a', ''], () => [], 'CACHE_KEY_INVALID'],
    ['ab', () => [], 'CACHE_OPTION_INVALID'],
    [['a'], 1, 'CACHE_OPTION_INVALID'],
  ])('refuses %o, %o', async (keys, factory, code) => {
    await expect(make().getOrSetMany(keys as never, factory as never)).rejects.toMatchObject({
      code,
    });
  });
});

describe('a schema', () => {
  const User = z.object({ id: z.number(), since: z.coerce.date() });

  it('makes a miss of a stored value that does not fit, and counts it', async () => {
    const l2 = memoryStore();
    const before = createCache({ namespace: 'users', l2 });
    await before.setMany([
      ['old', { name: 'Ada' }],
      ['fits', { id: 1, since: '2026-01-01' }],
    ]);
    const users = createCache({ namespace: 'users', l2, schema: User });
    expectTypeOf(users).toEqualTypeOf<Cache<{ id: number; since: Date }>>();
    expect(await users.get('old')).toBeUndefined();
    expect(await users.get('fits')).toEqual({ id: 1, since: new Date('2026-01-01') });
    const made = { id: 2, since: new Date(0) };
    expect(await users.getOrSet('old', () => made)).toEqual(made);
    expect(users.stats()).toMatchObject({ invalid: 2, l2: { hits: 1, misses: 2 } });
    await settle();
    const again = createCache({ namespace: 'users', l2, schema: User });
    expect(await again.get('old')).toEqual(made);
  });

  it('is of one namespace, not of those within it', async () => {
    const l2 = memoryStore();
    const app = createCache<unknown>({ namespace: 'app', l2, l1: false, schema: z.string() });
    const numbers = app.namespace('numbers', { schema: z.number() });
    await numbers.set('k', 1);
    await app.namespace('any').set('k', true);
    expect([await numbers.get('k'), await app.namespace('any').get('k')]).toEqual([1, true]);
    await numbers.set('k', 'text' as never);
    expect(await numbers.get('k')).toBeUndefined();
  });

  it('that throws, or takes its time, is one that does not fit', async () => {
    const l2 = memoryStore();
    await createCache({ namespace: 'bad', l2 }).set('k', 1);
    const throws = {
      '~standard': {
        validate: () => {
          throw new Error('broken schema');
        },
      },
    };
    const slow = { '~standard': { validate: () => Promise.reject(new Error('later')) } };
    for (const schema of [throws, slow]) {
      const cache = createCache<unknown>({ namespace: 'bad', l2, schema });
      expect([await cache.get('k'), cache.stats().invalid]).toEqual([undefined, 1]);
    }
    expect(() => createCache({ namespace: 'n', schema: {} as never })).toThrow('Expected `schema`');
  });
});

it('decorated methods answer from the cache, with the instance they are called on', async () => {
  const program = await buildProgram('decorated-methods');
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program.path]);
    expect(JSON.parse(stdout)).toEqual({
      values: ['hello 1', 'hello 1', 'hello 1', 'good day 2', 'good day 1'],
      calls: [[1], [2, 1]],
    });
  } finally {
    await program.remove();
  }
});
