export { type TestDatabase, testDatabases } from './testing/test-databases.js';
