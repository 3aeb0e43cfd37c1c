import type { Check } from './checks.js';
import { enqueueChecks } from './checks-enqueue.js';
import { leaseChecks } from './checks-leases.js';
import { lifeChecks } from './checks-life.js';
import { Kit, type StoreUnderTest, type TestRunner } from './kit.js';

const GROUPS: readonly (readonly [string, readonly Check[]])[] = [
  ['enqueueing', enqueueChecks],
  ['leases', leaseChecks],
  ['life of a task', lifeChecks],
];

/**
 * Defines the tests that every store of queues must pass, with the runner that is given.
 *
 * @example
 * ```ts
 * queueStoreConformance({ describe, it, expect }, { name: 'mine', create: async () => … });
 * ```
 */
export function queueStoreConformance<Tx>(runner: TestRunner, store: StoreUnderTest<Tx>): void {
  runner.describe(`${store.name} store`, () => {
    for (const [group, checks] of GROUPS) {
      runner.describe(group, () => {
        for (const check of checks) defineCheck(runner, store, check);
      });
    }
  });
}

function defineCheck<Tx>(
  { it, expect }: TestRunner,
  store: StoreUnderTest<Tx>,
  check: Check,
): void {
  const reason = check.needs && store.absent?.[check.needs];
  if (reason !== undefined) return;
  it(check.title, async () => {
    const harness = await store.create();
    try {
      await check.run(new Kit(harness), expect);
    } finally {
      await harness.close();
    }
  });
}
