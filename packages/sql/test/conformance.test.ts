import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/index.js';
import { sqlDatabaseConformance, testDatabases } from '../src/testing.js';

const runner = { afterAll, beforeAll, describe, expect, it };
const PGLITE = {
  concurrentSessions: 'PGlite has one session',
  statementTimeout: 'PGlite cannot be interrupted',
};

for (const engine of testDatabases()) {
  describe.skipIf(!engine.available)(engine.name, () => {
    sqlDatabaseConformance(runner, {
      name: engine.name === 'pglite' ? 'PGlite in memory' : 'PostgreSQL',
      create: () => engine.open(),
      capabilities:
        engine.name === 'pglite' ? PGLITE : { concurrentSessions: true, statementTimeout: true },
    });
  });
}

describe('pglite directory', () => {
  const directories: string[] = [];
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });
  sqlDatabaseConformance(runner, {
    name: 'PGlite in a directory',
    create: () => {
      const directory = mkdtempSync(join(tmpdir(), 'holdfast-sql-'));
      directories.push(directory);
      return openDatabase({ dataDir: join(directory, 'data') });
    },
    capabilities: PGLITE,
  });
});
