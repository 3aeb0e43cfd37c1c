import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoreFeature } from '../../src/store.js';
import { queueStoreConformance } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';

const FEATURES: readonly StoreFeature[] = [
  'dedup',
  'limits',
  'groups',
  'flows',
  'schedules',
  'cancel',
  'redrive',
  'filters',
  'edits',
  'move',
  'progress',
  'events',
  'metrics',
  'completeIn',
  'handover',
];

for (const database of testDatabases()) {
  describe.skipIf(!database.available)(database.name, () => {
    let db: SqlDatabase;
    beforeAll(async () => {
      db = await database.open();
      await freezeClock(db);
    });
    afterAll(async () => {
      await db?.close();
    });

    queueStoreConformance(
      { describe, it, expect },
      {
        name: 'postgres',
        features: FEATURES,
        create: () => frozenStore(db),
      },
    );
  });
}
