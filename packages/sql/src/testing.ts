export { sqlDatabaseConformance } from './testing/conformance.js';
export type {
  ConformanceRunner,
  ConformanceTarget,
  Expectation,
  SqlCapabilities,
} from './testing/suite.js';
export { type TestDatabase, testDatabases } from './testing/test-databases.js';
