import type { CacheStore } from '../store.js';
import {
  bytesOf,
  type Define,
  decoder,
  fenceOf,
  fill,
  MINUTE,
  put,
  type TestRunner,
  texts,
} from './helpers.js';

async function putTagged(
  store: CacheStore,
  namespace: string,
  key: string,
  tags: readonly string[],
): Promise<void> {
  await store.setMany(namespace, [{ key, bytes: bytesOf(key), ttlMs: MINUTE, tags }]);
}

export function tags(test: Define, { expect }: TestRunner): void {
  test('keeps the tags of an entry as they are', async (store, ns) => {
    const names = ['user:1', 'ключ {}* \n " 🗝', '\u0000a', '__proto__'];
    await putTagged(store, ns, 'k', names);
    const [read] = await store.getMany(ns, ['k']);
    expect([decoder.decode(read?.bytes), read?.tags]).toEqual(['k', names]);
  });
  test('invalidates all that carry one of the tags, and nothing else', async (store, ns) => {
    await putTagged(store, ns, 'a', ['x']);
    await putTagged(store, ns, 'b', ['x', 'y']);
    await putTagged(store, ns, 'c', ['z']);
    await put(store, ns, 'd', 'd');
    await store.invalidateTags(ns, ['y', 'unknown']);
    expect(await texts(store, ns, ['a', 'b', 'c', 'd'])).toEqual(['a', undefined, 'c', 'd']);
    await store.invalidateTags(ns, ['x', 'z']);
    expect(await texts(store, ns, ['a', 'b', 'c', 'd'])).toEqual([
      undefined,
      undefined,
      undefined,
      'd',
    ]);
    await putTagged(store, ns, 'a', ['x']);
    expect(await texts(store, ns, ['a', 'b'])).toEqual(['a', undefined]);
  });
  test('a new value counts by its own tags', async (store, ns) => {
    await putTagged(store, ns, 'k', ['x']);
    await putTagged(store, ns, 'k', ['y']);
    await store.invalidateTags(ns, ['x']);
    expect(await texts(store, ns, ['k'])).toEqual(['k']);
    await put(store, ns, 'k', 'plain');
    await store.invalidateTags(ns, ['x', 'y']);
    expect(await texts(store, ns, ['k'])).toEqual(['plain']);
  });
  test('tags of one namespace, and of one before a clear, do not touch others', async (store, ns) => {
    await putTagged(store, `${ns}-other`, 'k', ['x']);
    await putTagged(store, ns, 'k', ['x']);
    for (let i = 0; i < 5; i += 1) await store.invalidateTags(ns, ['x']);
    expect(await texts(store, `${ns}-other`, ['k'])).toEqual(['k']);
    await store.clear(ns);
    await putTagged(store, ns, 'k', ['x']);
    expect(await texts(store, ns, ['k'])).toEqual(['k']);
    await store.invalidateTags(ns, ['x']);
    expect(await texts(store, ns, ['k'])).toEqual([undefined]);
  });
  test('invalidates a thousand tags in one call', async (store, ns) => {
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`);
    await store.setMany(
      ns,
      keys.map((key) => ({ key, bytes: bytesOf(key), ttlMs: MINUTE, tags: [`tag:${key}`] })),
    );
    const half = keys.slice(500);
    await store.invalidateTags(
      ns,
      half.map((key) => `tag:${key}`),
    );
    expect(await texts(store, ns, keys)).toEqual(keys.map((key, i) => (i < 500 ? key : undefined)));
    await store.invalidateTags(ns, []);
  });
}

export function fencesOfTags(test: Define, { expect }: TestRunner): void {
  test('does not write under a fence once one of the tags was invalidated', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    await store.invalidateTags(ns, ['x']);
    expect(await fill(store, ns, fence, 'k', ['y', 'x'])).toEqual(false);
    expect(await fill(store, ns, fence, 'k', ['y'])).toEqual(true);
    const other = await fenceOf(store, ns, 'other');
    expect(await fill(store, ns, other, 'other', ['x'])).toEqual(true);
  });
  test('many fills under one new tag do not hinder each other', async (store, ns) => {
    const keys = ['a', 'b', 'c'];
    const reads = await store.getMany(ns, keys);
    const fills = keys.map((key, i) => fill(store, ns, reads[i]?.fence ?? '', key, ['new']));
    expect(await Promise.all(fills)).toEqual([true, true, true]);
  });
}
