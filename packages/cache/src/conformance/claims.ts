import type { CacheStore } from '../store.js';
import { type Define, fenceOf, MINUTE, put, type TestRunner, wait } from './helpers.js';

export function claims(test: Define, { expect }: TestRunner): void {
  const claim = async (
    store: CacheStore,
    ns: string,
    fence: string,
    token: string,
    ttlMs = MINUTE,
  ) => (await store.claimMany?.(ns, [{ key: 'k', fence, token }], ttlMs))?.[0];

  test('one holds a claim at a time; it may be prolonged and given up', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    expect(await claim(store, ns, fence, 'one')).toEqual('held');
    expect(await claim(store, ns, fence, 'one')).toEqual('held');
    const left = await claim(store, ns, fence, 'two');
    expect(typeof left === 'number' && left > MINUTE - 5_000 && left <= MINUTE).toEqual(true);
    await store.releaseMany?.(ns, [{ key: 'k', fence, token: 'two' }]);
    expect(typeof (await claim(store, ns, fence, 'two'))).toEqual('number');
    await store.releaseMany?.(ns, [{ key: 'k', fence, token: 'one' }]);
    expect(await claim(store, ns, fence, 'two')).toEqual('held');
  });
  test('a claim ends with its time', async (store, ns) => {
    const fence = await fenceOf(store, ns, 'k');
    expect(await claim(store, ns, fence, 'one', 40)).toEqual('held');
    await wait(60);
    expect(await claim(store, ns, fence, 'two')).toEqual('held');
    expect(typeof (await claim(store, ns, fence, 'one'))).toEqual('number');
  });
  test('a claim is void once the key was set, deleted or cleared', async (store, ns) => {
    const changes = [
      () => put(store, ns, 'k', 'set'),
      () => store.deleteMany(ns, ['k']),
      () => store.clear(ns),
    ];
    for (const change of changes) {
      const fence = await fenceOf(store, ns, 'k');
      expect(await claim(store, ns, fence, 'one')).toEqual('held');
      await change();
      expect(await claim(store, ns, fence, 'one')).toEqual('changed');
      const newer = await fenceOf(store, ns, 'k');
      expect(await claim(store, ns, newer, 'two')).toEqual('held');
      await store.releaseMany?.(ns, [{ key: 'k', fence: newer, token: 'two' }]);
    }
  });
  test('of many that claim many keys at once, one has each', async (store, ns) => {
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    const reads = await store.getMany(ns, keys);
    const claimed = ['a', 'b', 'c'].map((token) => {
      const all = keys.map((key, i) => ({ key, fence: reads[i]?.fence ?? '', token }));
      return store.claimMany?.(ns, all, MINUTE);
    });
    const results = await Promise.all(claimed);
    const holders = keys.map((_, i) => results.filter((one) => one?.[i] === 'held').length);
    expect(holders).toEqual(keys.map(() => 1));
  });
}

export function releases(test: Define, { expect }: TestRunner): void {
  test('tells of a claim that was given up if somebody asked for it', async (store, ns) => {
    const heard: unknown[] = [];
    let connected = (): void => {};
    const connection = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const subscription = await store.subscribe?.(ns, {
      onInvalidate: ({ keys, released }) => heard.push({ keys, released }),
      onConnect: () => connected(),
      onDisconnect: () => {},
    });
    await connection;
    const keys = ['a', 'wanted "k" é'];
    const reads = await store.getMany(ns, keys);
    const by = (token: string) =>
      keys.map((key, i) => ({ key, fence: reads[i]?.fence ?? '', token }));
    await store.claimMany?.(ns, by('one'), MINUTE);
    await store.claimMany?.(ns, by('two').slice(1), MINUTE);
    await store.releaseMany?.(ns, by('one'));
    for (let i = 0; i < 100 && heard.length < 1; i += 1) await wait(10);
    await subscription?.close();
    expect(heard).toEqual([{ keys: [], released: keys.slice(1) }]);
  });
}
