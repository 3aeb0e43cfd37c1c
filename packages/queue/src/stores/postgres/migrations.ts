import type { MigrationOptions } from '@holdfast/sql';
import { createFunctions, dropFunctions } from './functions.js';
import { createTables, dropTables } from './tables.js';

/** The migrations of a schema, each with its way back. */
export function queueMigrations(schema: string): MigrationOptions {
  return {
    namespace: 'queue',
    schema,
    migrations: [
      {
        id: '0001_first',
        up: createTables(schema) + createFunctions(schema),
        down: dropFunctions(schema) + dropTables(schema),
      },
    ],
  };
}
