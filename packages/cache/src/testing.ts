import { claims, releases } from './conformance/claims.js';
import { deletions } from './conformance/deletions.js';
import {
  bytesOf,
  type Define,
  fenceOf,
  fill,
  fresh,
  MINUTE,
  put,
  type TestRunner,
  texts,
  wait,
} from './conformance/helpers.js';
import { fencesOfTags, tags } from './conformance/tags.js';
import type { CacheStore, StoreInvalidation } from './store.js';

export { type Fault, FaultyStore } from './conformance/faulty-store.js';
export type { TestRunner } from './conformance/helpers.js';

/** What a store can do. */
export interface StoreCapabilities {
  /** Whether handles hear of each other's invalidations. Where not, the reason, which the suite prints. */
  subscribe: true | { absent: string };
  /**
   * Whether keys can be claimed. Where not, the reason, which the suite prints.
   * @defaultValue true
   */
  claims?: true | { absent: string };
}

/** The store to be proved. */
export interface ConformanceOptions {
  name: string;
  /** Makes a handle on data that every handle made by this call shares. The suite closes it. */
  create: () => Promise<CacheStore>;
  /** @defaultValue everything */
  capabilities?: StoreCapabilities;
}

function readingAndWriting(test: Define, { expect }: TestRunner): void {
  test('returns what was set, in the order of the keys asked for', async (store, ns) => {
    await put(store, ns, 'a', '1');
    await put(store, ns, 'b', '2');
    expect(await texts(store, ns, ['b', 'missing', 'a', 'b'])).toEqual(['2', undefined, '1', '2']);
  });
  test('keeps bytes as they are', async (store, ns) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const key = 'ключ {}* \n \u0000 🗝';
    await store.setMany(ns, [{ key, bytes, ttlMs: MINUTE }]);
    const [read] = await store.getMany(ns, [key]);
    expect([...(read?.bytes ?? [])]).toEqual([...bytes]);
  });
  test('sets, gets and deletes a thousand keys in one call', async (store, ns) => {
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`);
    const writes = keys.map((key) => ({ key, bytes: bytesOf(key), ttlMs: MINUTE }));
    expect((await store.setMany(ns, writes)).every(Boolean)).toEqual(true);
    expect(await texts(store, ns, keys)).toEqual(keys);
    await store.deleteMany(ns, keys);
    expect(await texts(store, ns, keys)).toEqual(keys.map(() => undefined));
  });
  test('takes empty batches', async (store, ns) => {
    expect(await store.getMany(ns, [])).toEqual([]);
    expect(await store.setMany(ns, [])).toEqual([]);
    await store.deleteMany(ns, []);
  });
  test('tells the time that remains, and ends an entry when it is over', async (store, ns) => {
    await store.setMany(ns, [
      { key: 'short', bytes: bytesOf('x'), ttlMs: 40 },
      { key: 'long', bytes: bytesOf('y'), ttlMs: MINUTE },
    ]);
    const [, long] = await store.getMany(ns, ['short', 'long']);
    expect((long?.remainingMs ?? 0) > MINUTE - 5_000).toEqual(true);
    expect((long?.remainingMs ?? 0) <= MINUTE).toEqual(true);
    await wait(60);
    expect(await texts(store, ns, ['short', 'long'])).toEqual([undefined, 'y']);
  });
  test('the latest of several changes to a key counts', async (store, ns) => {
    const changes = ['1', '2', '3'].map((text) => put(store, ns, 'k', text));
    await Promise.all([...changes, store.deleteMany(ns, ['k']), put(store, ns, 'k', '4')]);
    expect(await texts(store, ns, ['k'])).toEqual(['4']);
    await Promise.all([put(store, ns, 'k', '5'), store.deleteMany(ns, ['k'])]);
    expect(await texts(store, ns, ['k'])).toEqual([undefined]);
  });
  test('what is invalidated after a set is out, though nobody waited in between', async (store, ns) => {
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    const writes = keys.map((key) => ({ key, bytes: bytesOf('x'), ttlMs: MINUTE, tags: ['t'] }));
    const out = [() => store.invalidateTags(ns, ['t']), () => store.clear(ns)];
    for (const invalidate of out) {
      await Promise.all([store.setMany(ns, writes), invalidate()]);
      expect(await texts(store, ns, keys)).toEqual(keys.map(() => undefined));
    }
  });
}

function fences(test: Define, { expect }: TestRunner): void {
  test('writes under a fence while nobody changed the key', async (store, ns) => {
    expect(await fill(store, ns, await fenceOf(store, ns, 'k'))).toEqual(true);
    expect(await texts(store, ns, ['k'])).toEqual(['filled']);
  });
  test('does not write under a fence once the key was set', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    await put(store, ns, 'k', 'newer');
    expect(await fill(store, ns, fence)).toEqual(false);
    expect(await texts(store, ns, ['k'])).toEqual(['newer']);
  });
  test('does not write under a fence once the key was deleted, there or not', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    await store.deleteMany(ns, ['k']);
    expect(await fill(store, ns, fence)).toEqual(false);
    const again = await fenceOf(store, ns, 'k');
    await store.deleteMany(ns, ['k']);
    expect(await fill(store, ns, again)).toEqual(false);
    expect(await texts(store, ns, ['k'])).toEqual([undefined]);
  });
  test('does not write under a fence once the namespace was cleared', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    await store.clear(ns);
    expect(await fill(store, ns, fence)).toEqual(false);
    expect(await fill(store, ns, await fenceOf(store, ns, 'k'))).toEqual(true);
  });
  test('lets one of several writers under the same fence write', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    const written = await Promise.all([1, 2, 3].map(() => fill(store, ns, fence)));
    expect(written.filter(Boolean).length).toEqual(1);
  });
  test('a change of one key does not pass the fence of another', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    await put(store, ns, 'other', 'x');
    expect(await fill(store, ns, fence)).toEqual(true);
  });
}

function namespacesApart(test: Define, { expect }: TestRunner): void {
  test('clears one namespace and leaves the others', async (store, ns) => {
    const other = `${ns}-other`;
    await put(store, ns, 'k', 'mine');
    await put(store, other, 'k', 'theirs');
    await store.clear(ns);
    expect(await texts(store, ns, ['k'])).toEqual([undefined]);
    expect(await texts(store, other, ['k'])).toEqual(['theirs']);
    await put(store, ns, 'k', 'again');
    expect(await texts(store, ns, ['k'])).toEqual(['again']);
  });
}

function invalidations(test: Define, { expect }: TestRunner): void {
  test('tells of sets, deletions, tags and clears with their origin, not of fills', async (store, ns) => {
    const heard: StoreInvalidation[] = [];
    let connected = (): void => {};
    const connection = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const subscription = await store.subscribe?.(ns, {
      onInvalidate: (one) => heard.push(JSON.parse(JSON.stringify(one))),
      onConnect: () => connected(),
      onDisconnect: () => {},
    });
    await connection;
    const options = { origin: 'me' };
    await fill(store, ns, await fenceOf(store, ns, 'f'), 'f');
    await store.setMany(ns, [{ key: 'a', bytes: bytesOf('1'), ttlMs: MINUTE }], options);
    await store.deleteMany(ns, ['b', 'c'], options);
    await store.deleteMany(`${ns}-other`, ['d'], options);
    await store.invalidateTags(ns, ['t', 'u'], options);
    await store.clear(ns, options);
    for (let i = 0; i < 100 && heard.length < 4; i += 1) await wait(10);
    await subscription?.close();
    await store.deleteMany(ns, ['e'], options);
    expect(heard).toEqual([
      { origin: 'me', keys: ['a'] },
      { origin: 'me', keys: ['b', 'c'] },
      { origin: 'me', keys: [], tags: ['t', 'u'] },
      { origin: 'me', keys: 'all' },
    ]);
  });
}

function hearing(test: Define, { expect }: TestRunner): void {
  test('says when all that happened until now was heard, where it can', async (store, ns) => {
    const heard: unknown[] = [];
    let connected = (): void => {};
    const connection = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const subscription = await store.subscribe?.(ns, {
      onInvalidate: ({ keys }) => heard.push(...keys),
      onConnect: () => connected(),
      onDisconnect: () => {},
    });
    await connection;
    for (let i = 0; i < 20 && subscription?.sync !== undefined; i += 1) {
      await store.deleteMany(ns, [`k${i}`]);
      await subscription.sync();
      expect(heard.at(-1)).toEqual(`k${i}`);
    }
    await subscription?.close();
  });
}

/**
 * Registers the tests that every {@link CacheStore} has to pass.
 *
 * @example
 * ```ts
 * cacheStoreConformance({ describe, it, expect }, { name: 'redis', create: async () => redisStore(client) });
 * ```
 */
export function cacheStoreConformance(runner: TestRunner, options: ConformanceOptions): void {
  const { subscribe = true, claims: claiming = true } = options.capabilities ?? {};
  const test: Define = (name, body) => {
    runner.it(name, async () => {
      const store = await options.create();
      try {
        await body(store, fresh());
      } finally {
        await store.close();
      }
    });
  };
  runner.describe(`${options.name}: cache store`, () => {
    readingAndWriting(test, runner);
    fences(test, runner);
    tags(test, runner);
    fencesOfTags(test, runner);
    deletions(test, runner);
    namespacesApart(test, runner);
    if (claiming === true) {
      claims(test, runner);
      if (subscribe === true) releases(test, runner);
    } else {
      test(`has no claims: ${claiming.absent}`, async (store) => {
        runner.expect([store.claimMany, store.releaseMany]).toEqual([undefined, undefined]);
      });
    }
    if (subscribe === true) {
      invalidations(test, runner);
      hearing(test, runner);
    } else {
      test(`tells of no invalidations: ${subscribe.absent}`, async (store) => {
        runner.expect(store.subscribe).toEqual(undefined);
      });
    }
    test('answers a ping, and fails after close, which may be called twice', async (store, ns) => {
      await store.ping();
      await store.close();
      await store.close();
      const code = await store.getMany(ns, ['k']).then(
        () => 'no error',
        (err: { code?: unknown }) => err.code,
      );
      runner.expect(code).toEqual('CACHE_CLOSED');
    });
  });
}
