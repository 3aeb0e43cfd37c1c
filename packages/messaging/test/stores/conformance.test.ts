import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/index.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { messagingStoreConformance } from '../../src/testing.js';

const runner = { describe, it, expect };

messagingStoreConformance(runner, {
  name: 'memory',
  create: async () => memoryStore(),
  capabilities: { transactions: { absent: 'there is no database that could refuse' } },
});

for (const engine of testDatabases()) {
  describe.skipIf(!engine.available)(engine.name, () => {
    let db: SqlDatabase;
    let schemas = 0;
    beforeAll(async () => {
      db = await engine.open();
    });
    afterAll(() => db?.close());

    messagingStoreConformance(runner, {
      name: engine.name,
      async create() {
        schemas += 1;
        const store = postgresStore(db, { schema: `messaging_${schemas}` });
        await store.init();
        return store;
      },
    });
  });
}
