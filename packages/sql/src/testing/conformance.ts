import type { SqlDatabase } from '../database.js';
import { bulkTests } from './bulk-tests.js';
import { lifecycleTests } from './lifecycle-tests.js';
import { migrationTests } from './migration-tests.js';
import { notificationTests } from './notification-tests.js';
import { statementTests } from './statement-tests.js';
import type { ConformanceRunner, ConformanceTarget, Suite } from './suite.js';
import { transactionTests } from './transaction-tests.js';
import { valueTests } from './value-tests.js';

/**
 * The behaviour that every `SqlDatabase` has, as tests for any runner.
 *
 * @example
 * ```ts
 * import { afterAll, beforeAll, describe, expect, it } from 'vitest';
 * sqlDatabaseConformance(
 *   { afterAll, beforeAll, describe, expect, it },
 *   {
 *     name: 'my engine',
 *     create: () => openDatabase({ memory: true }),
 *     capabilities: {
 *       concurrentSessions: 'PGlite has one session',
 *       statementTimeout: 'PGlite cannot be interrupted',
 *     },
 *   },
 * );
 * ```
 */
export function sqlDatabaseConformance(runner: ConformanceRunner, target: ConformanceTarget): void {
  const parts = [
    statementTests,
    valueTests,
    transactionTests,
    notificationTests,
    migrationTests,
    bulkTests,
    lifecycleTests,
  ];
  runner.describe(`SqlDatabase conformance: ${target.name}`, () => {
    const opened: SqlDatabase[] = [];
    let db: SqlDatabase | undefined;
    const open = async (): Promise<SqlDatabase> => {
      const database = await target.create();
      opened.push(database);
      return database;
    };
    runner.beforeAll(async () => {
      db = await open();
    });
    runner.afterAll(async () => {
      for (const database of opened) await database.close();
    });
    const suite: Suite = {
      ...runner,
      open,
      capabilities: target.capabilities,
      db: () => {
        if (db === undefined) throw new Error('The database did not open');
        return db;
      },
    };
    for (const part of parts) part(suite);
  });
}
