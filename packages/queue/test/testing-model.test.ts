import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore, type QueueStore } from '../src/index.js';
import { type ModelRunner, queueStoreInvariants, queueStoreModel } from '../src/testing/model.js';
import { type StoreUnderTest, virtualClock } from '../src/testing.js';

type Store = QueueStore<never>;

/** A store that has no features, and none of the operations that belong to one. */
function bare(store: Store): Store {
  return {
    name: 'bare',
    traits: { ...store.traits, features: [] },
    migrate: () => store.migrate(),
    enqueue: (tasks) => store.enqueue(tasks),
    exchange: (request) => store.exchange(request),
    onWake: (queues, wake) => store.onWake(queues, wake),
    sweep: (limit) => store.sweep(limit),
    find: (filter, page) => store.find(filter, page),
    stats: (queues) => store.stats(queues),
    alter: (filter, change, limit) => store.alter(filter, change, limit),
    control: (queue, patch) => store.control(queue, patch),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

function storeThat(
  differs: (store: Store) => Partial<Store>,
  features: StoreUnderTest<never>['features'] = [],
): StoreUnderTest<never> {
  const create: StoreUnderTest<never>['create'] = async () => {
    const clock = virtualClock();
    const store = memoryStore({ clock });
    const changed = { ...bare(store), ...differs(store) };
    return { store: changed, advance: (ms) => clock.advance(ms), close: () => store.close() };
  };
  return { name: 'bare', features, create };
}

/** The tests that are defined, by title. */
function testsOf(define: (runner: ModelRunner) => void): ReadonlyMap<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>();
  define({
    describe: (_, fn) => fn(),
    it: (title, fn) => void tests.set(title, fn),
    expect,
    fc,
  });
  return tests;
}

const runner = { describe, it, expect, fc };
queueStoreModel(
  runner,
  storeThat(() => ({})),
);
queueStoreInvariants(
  runner,
  storeThat(() => ({})),
);

describe('queueStoreModel', () => {
  it('tries only what the store has, each set of features once', () => {
    const store = storeThat(() => ({}), ['dedup', 'limits']);
    const titles = [...testsOf((all) => queueStoreModel(all, store)).keys()];
    expect(titles.map((title) => title.split(': ')[1])).toEqual([
      'tasks',
      'keys',
      'limits',
      'all of it',
    ]);
  });

  it('fails a store that does otherwise than the memory store', async () => {
    const generous = storeThat((store) => ({
      exchange: (request) => {
        const claim = { ...request.claim, limit: request.claim.limit * 2 };
        return store.exchange({ ...request, claim });
      },
    }));
    const [test] = testsOf((all) => queueStoreModel(all, generous)).values();
    await expect(test?.()).rejects.toThrow('Property failed');
  });

  it('refuses a store whose clock is another', async () => {
    const late = storeThat((store) => ({
      stats: async (queues) =>
        (await store.stats(queues)).map((all) => ({ ...all, now: all.now + 1 })),
    }));
    const [test] = testsOf((all) => queueStoreModel(all, late)).values();
    const cause = { message: expect.stringContaining('the clock of a new `store`') };
    await expect(test?.()).rejects.toMatchObject({ cause });
  });
});

describe('queueStoreInvariants', () => {
  it('fails a store that counts wrong', async () => {
    const boastful = storeThat((store) => ({
      stats: async (queues) =>
        (await store.stats(queues)).map(({ counts, ...all }) => {
          return { ...all, counts: { ...counts, ready: counts.ready * 2 } };
        }),
    }));
    const [promises] = testsOf((all) => queueStoreInvariants(all, boastful)).values();
    await expect(promises?.()).rejects.toThrow('Property failed');
  });

  it('fails a store that takes no notice of its limits', async () => {
    const heedless = storeThat(() => ({ control: async () => undefined }), ['limits']);
    const define = (all: ModelRunner): void => queueStoreInvariants(all, heedless, { runs: 500 });
    const [promises, limits] = testsOf(define).values();
    await expect(promises?.()).resolves.toBeUndefined();
    await expect(limits?.()).rejects.toThrow('Property failed');
  });
});
