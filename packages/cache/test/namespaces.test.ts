import { describe, expect, expectTypeOf, it } from 'vitest';
import { type Cache, createCache, memoryStore } from '../src/index.js';
import { manualFactory } from './support/manual-factory.js';
import { settle, VirtualClock } from './support/virtual-clock.js';

const tiers = [
  { name: 'L1', make: () => createCache({ namespace: 'app' }) },
  { name: 'L1 over L2', make: () => createCache({ namespace: 'app', l2: memoryStore() }) },
  { name: 'L2', make: () => createCache({ namespace: 'app', l1: false, l2: memoryStore() }) },
];

describe.each(tiers)('nested namespaces, $name', ({ make }) => {
  it('keep their keys apart, and are the same when asked for again', async () => {
    const app = make();
    const caches = [app, app.namespace('a'), app.namespace('a').namespace('b'), app.namespace('b')];
    for (const cache of caches) await cache.set('k', cache.name);
    expect(await Promise.all(caches.map((cache) => cache.get('k')))).toEqual([
      'app',
      'app/a',
      'app/a/b',
      'app/b',
    ]);
    expect(app.namespace('a')).toBe(caches[1]);
    expect(app.namespaces().map(({ name }) => name)).toEqual(['app/a', 'app/b']);
    await caches[2]?.delete('k');
    const left = await Promise.all(caches.map((cache) => cache.has('k')));
    expect(left).toEqual([true, true, false, true]);
  });

  it('clear empties those within as well, and no other', async () => {
    const app = make();
    const [a, ab, abc, b] = [
      app.namespace('a'),
      app.namespace('a').namespace('b'),
      app.namespace('a').namespace('b').namespace('c'),
      app.namespace('b'),
    ];
    const all = [app, a, ab, abc, b];
    const fill = () => Promise.all(all.map((cache) => cache.set('k', 1)));
    const there = () => Promise.all(all.map(async (cache) => ((await cache.has('k')) ? 1 : 0)));
    await fill();
    await ab.clear();
    expect(await there()).toEqual([1, 1, 0, 0, 1]);
    await fill();
    await a.clear();
    expect(await there()).toEqual([1, 0, 0, 0, 1]);
    await fill();
    expect(await there()).toEqual([1, 1, 1, 1, 1]);
    await app.clear();
    expect(await there()).toEqual([0, 0, 0, 0, 0]);
  });

  it('clear wins over a factory that runs within', async () => {
    const app = make();
    const inner = app.namespace('a').namespace('b');
    const { factory, started, end } = manualFactory();
    const loading = inner.getOrSet('k', factory);
    await started;
    await app.namespace('a').clear();
    end('old');
    expect(await loading).toBe('old');
    await settle();
    expect(await inner.get('k')).toBeUndefined();
  });

  it('share tags', async () => {
    const app = make();
    const [a, b] = [app.namespace('a'), app.namespace('b')];
    for (const cache of [app, a, b]) await cache.set('k', 1, { tags: ['user:1'] });
    await a.invalidateTags(['user:1']);
    for (const cache of [app, a, b]) expect(await cache.get('k')).toBeUndefined();
  });
});

describe('options of a nested namespace', () => {
  it('are its own where given, and those above it elsewhere', async () => {
    const clock = new VirtualClock();
    const app = createCache({ namespace: 'app', ttl: '1m', l1: { maxEntries: 5 }, clock });
    const short = app.namespace('short', { ttl: '1s', l1: { maxEntries: 2 } });
    const within = short.namespace('within');
    for (const cache of [app, short, within]) {
      for (let i = 0; i < 10; i += 1) await cache.set(`k${i}`, i);
    }
    const entries = () => [app, short, within].map((cache) => cache.stats().l1?.entries);
    expect(entries()).toEqual([5, 2, 2]);
    await clock.advance(1_000);
    expect([app.peek('k9'), short.peek('k9'), within.peek('k9')]).toEqual([
      9,
      undefined,
      undefined,
    ]);
  });

  it('cannot be given twice; bad ones and bad names are refused', () => {
    const app = createCache({ namespace: 'app' });
    app.namespace('a', { ttl: 1 });
    expect(() => app.namespace('a', { ttl: 2 })).toThrow('is open with other options');
    expect(() => app.namespace('b', { ttl: -1 })).toThrow('Expected `ttl`');
    expect(() => app.namespace('b', { l2: memoryStore() } as never)).toThrow('`options.l2`');
    for (const name of ['', 'a/b', '\u0000', '__proto__', 1, null]) {
      expect(() => app.namespace(name as never)).toThrow('Expected `namespace`');
    }
  });

  it('types its values', () => {
    const app: Cache = createCache({ namespace: 'app' });
    const users = app.namespace<{ id: number }>('users');
    expectTypeOf(users.get('k')).resolves.toEqualTypeOf<{ id: number } | undefined>();
  });
});

it('hear of what other processes do, also in namespaces that these do not know', async () => {
  const l2 = memoryStore();
  const [one, two] = [1, 2].map(() => createCache({ namespace: 'app', l2 })) as [Cache, Cache];
  const inner = two.namespace('a').namespace('b');
  await inner.set('k', 1);
  await inner.set('j', 1);
  await one.namespace('a').namespace('b').delete('k');
  expect([inner.peek('k'), inner.peek('j')]).toEqual([undefined, 1]);
  await one.namespace('a').clear();
  expect([inner.peek('j'), await inner.get('j')]).toEqual([undefined, undefined]);
  await inner.set('j', 2);
  await one.clear();
  expect(inner.peek('j')).toBeUndefined();
});

it('refuses a key that could be one of a nested namespace', async () => {
  const app = createCache({ namespace: 'app', l2: memoryStore() });
  await app.namespace('a').set('k', 'secret');
  await expect(app.get('\u0000a\u0000k')).rejects.toMatchObject({ code: 'CACHE_KEY_INVALID' });
});

it('close with the one they are in; a closed one may be opened again', async () => {
  const app = createCache({ namespace: 'app' });
  const a = app.namespace('a');
  await a.close();
  await expect(a.get('k')).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
  const again = app.namespace('a', { ttl: '1s' });
  await again.set('k', 1);
  await app.close();
  await expect(again.get('k')).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
});
