import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/index.js';
import { queueStoreInvariants } from '../../src/testing/model.js';
import { scaled } from '../chaos/support/scale.js';
import { everyStore, type StoreSource } from './every-store.js';

const features = memoryStore().traits.features ?? [];
/** Others are looked at by way of a server, or of an embedded one. */
const runsOf = (kind: string): number => (kind === 'memory' ? 60 : scaled(12, 150));

for (const kind of everyStore) {
  describe.skipIf(!kind.available)(kind.name, () => {
    let source: StoreSource;
    beforeAll(async () => {
      source = await kind.open();
    });
    afterAll(async () => {
      await source?.close();
    });

    queueStoreInvariants(
      { describe, it, expect, fc },
      { name: kind.name, features, create: () => source.create() },
      { runs: runsOf(kind.name) },
    );
  });
}
