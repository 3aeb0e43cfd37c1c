import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore, type StoreFeature } from '../../src/index.js';
import { isSoak } from '../chaos/support/scale.js';
import { frozenMemoryStore, outsideStores, type StoreSource } from './every-store.js';
import { steps } from './model/arbitrary.js';
import { Side } from './model/side.js';

/** In the long form it is one run of so many steps. */
const LONG = isSoak ? 10_000 : undefined;
const RUNS = isSoak ? 1 : Number(process.env.MODEL_RUNS ?? 25);
/** The two sides are looked at after so many steps. */
const LOOK = 100;
/** `MODEL_FEATURES=dedup,flows` tries these together with the ones every store has. */
const FEATURES = (process.env.MODEL_FEATURES ?? '').split(',').filter((name) => name !== '');
const ALL = memoryStore().traits.features ?? [];

const without = (left: StoreFeature): StoreFeature[] => ALL.filter((feature) => feature !== left);
/** Features that were run together for so long. */
const LONG_SETS: readonly (readonly [string, readonly StoreFeature[]])[] = [
  ['all but moves', without('move')],
  ['all but flows', without('flows')],
];

/** Random steps on a store and on the memory store must look the same, reply by reply and in the end. */
async function sameAsModel(source: StoreSource, features: readonly StoreFeature[]): Promise<void> {
  const property = fc.asyncProperty(steps(features, LONG), async (list) => {
    const [reference, harness] = [frozenMemoryStore(), await source.create()];
    const model = new Side(reference.store, reference.advance);
    const real = new Side(harness.store, harness.advance);
    try {
      for (const [index, step] of list.entries()) {
        const ids = step.do === 'enqueue' ? step.tasks.map(() => model.kit.task().id) : [];
        expect(await real.run(step, ids)).toEqual(await model.run(step, ids));
        const looks = (index + 1) % LOOK === 0 || index === list.length - 1;
        if (looks) expect(await real.look()).toEqual(await model.look());
      }
    } finally {
      await harness.close();
    }
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: isSoak });
}

const SETS: readonly (readonly [string, readonly StoreFeature[]])[] =
  FEATURES.length > 0
    ? [['what was asked for', FEATURES as StoreFeature[]]]
    : isSoak
      ? LONG_SETS
      : [
          ['tasks', []],
          ['keys', ['dedup']],
          ['limits', ['limits']],
          ['groups', ['groups']],
          ['flows', ['flows']],
          ['schedules', ['schedules', 'dedup']],
          ['changes', ['cancel', 'redrive', 'edits', 'move', 'filters', 'progress']],
          ['all of it', ALL],
        ];

for (const kind of outsideStores) {
  describe.skipIf(!kind.available)(`${kind.name} against the model`, () => {
    let source: StoreSource;
    beforeAll(async () => {
      source = await kind.open();
    });
    afterAll(async () => {
      await source?.close();
    });

    for (const [name, features] of SETS) {
      it(`does what the memory store does: ${name}`, async () => {
        await sameAsModel(source, features);
      }, 900_000);
    }
  });
}
