import { bytesOf, type Define, MINUTE, put, type TestRunner, wait } from './helpers.js';

export function deletions(test: Define, { expect }: TestRunner): void {
  test('says that a key was deleted, not that one was never written or expired', async (store, ns) => {
    const says = async (key: string): Promise<boolean> =>
      (await store.getMany(ns, [key]))[0]?.deleted ?? false;
    await put(store, ns, 'deleted', 'x');
    await store.deleteMany(ns, ['deleted', 'never written']);
    await store.setMany(ns, [
      { key: 'tagged', bytes: bytesOf('x'), ttlMs: MINUTE, tags: ['tag'] },
      { key: 'expired', bytes: bytesOf('x'), ttlMs: 5 },
      { key: 'alive', bytes: bytesOf('x'), ttlMs: MINUTE },
    ]);
    await store.invalidateTags(ns, ['tag']);
    await wait(20);
    const keys = ['deleted', 'never written', 'tagged', 'expired', 'alive', 'absent'];
    const said = await Promise.all(keys.map(says));
    expect(said).toEqual([true, true, true, false, false, false]);
    await put(store, ns, 'deleted', 'again');
    expect(await says('deleted')).toEqual(false);
  });
}
