import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore, type StoreFeature } from '../../src/index.js';
import { type FeatureSet, type ModelOptions, queueStoreModel } from '../../src/testing/model.js';
import { isSoak } from '../chaos/support/scale.js';
import { outsideStores, type StoreSource } from './every-store.js';

/** `MODEL_FEATURES=dedup,flows` tries these together with the ones every store has. */
const FEATURES = (process.env.MODEL_FEATURES ?? '').split(',').filter((name) => name !== '');
const ALL = memoryStore().traits.features ?? [];

const without = (left: StoreFeature): StoreFeature[] => ALL.filter((feature) => feature !== left);
/** Features that were run together for so long. */
const LONG_SETS: readonly FeatureSet[] = [
  ['all but moves', without('move')],
  ['all but flows', without('flows')],
];
const SHORT: ModelOptions = { runs: Number(process.env.MODEL_RUNS ?? 25) };
/** In the long form it is one run of so many steps, which would take too long to shorten. */
const LONG: ModelOptions = { runs: 1, steps: 10_000, sets: LONG_SETS };
const OPTIONS = isSoak ? LONG : SHORT;
if (isSoak) fc.configureGlobal({ endOnFailure: true });

for (const kind of outsideStores) {
  describe.skipIf(!kind.available)(kind.name, () => {
    let source: StoreSource;
    beforeAll(async () => {
      source = await kind.open();
    });
    afterAll(async () => {
      await source?.close();
    });

    queueStoreModel(
      { describe, it, expect, fc },
      { name: kind.name, features: ALL, create: () => source.create() },
      FEATURES.length > 0
        ? { ...OPTIONS, sets: [['what was asked for', FEATURES as StoreFeature[]]] }
        : OPTIONS,
    );
  });
}
