import { acceptSuite } from './testing/accept-suite.js';
import { deliverySuite } from './testing/delivery-suite.js';
import type { ConformanceOptions, TestRunner } from './testing/fixtures.js';
import { processSuite } from './testing/process-suite.js';
import { readSuite } from './testing/read-suite.js';

export type { ConformanceOptions, StoreCapabilities, TestRunner } from './testing/fixtures.js';

/**
 * Everything that a store must keep, as tests for the runner of your choice.
 *
 * @example
 * ```ts
 * import { describe, expect, it } from 'vitest';
 * messagingStoreConformance({ describe, it, expect }, { name: 'mine', create: async () => myStore() });
 * ```
 */
export function messagingStoreConformance(runner: TestRunner, options: ConformanceOptions): void {
  runner.describe(`messaging store: ${options.name}`, () => {
    acceptSuite(runner, options);
    processSuite(runner, options);
    deliverySuite(runner, options);
    readSuite(runner, options);
  });
}
