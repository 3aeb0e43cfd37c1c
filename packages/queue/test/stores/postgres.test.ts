import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueStoreConformance } from '../../src/testing.js';
import { freezeClock, frozenStore } from './harness.js';

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
      { name: 'postgres', create: () => frozenStore(db) },
    );
  });
}
