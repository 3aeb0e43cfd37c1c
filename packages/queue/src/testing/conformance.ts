import type { Check, Need } from './checks.js';
import { changeChecks } from './checks-changes.js';
import { dedupChecks } from './checks-dedup.js';
import { enqueueChecks } from './checks-enqueue.js';
import { eventChecks } from './checks-events.js';
import { flowChecks } from './checks-flows.js';
import { groupChecks } from './checks-groups.js';
import { handoverChecks } from './checks-handover.js';
import { leaseChecks } from './checks-leases.js';
import { lifeChecks } from './checks-life.js';
import { limitChecks } from './checks-limits.js';
import { scheduleChecks } from './checks-schedules.js';
import { Kit, type StoreUnderTest, type TestRunner } from './kit.js';

const GROUPS: readonly (readonly [string, readonly Check[]])[] = [
  ['enqueueing', enqueueChecks],
  ['leases', leaseChecks],
  ['handing over', handoverChecks],
  ['life of a task', lifeChecks],
  ['keys with a mode', dedupChecks],
  ['limits', limitChecks],
  ['groups', groupChecks],
  ['parents and children', flowChecks],
  ['schedules', scheduleChecks],
  ['changes by operators', changeChecks],
  ['events and minutes', eventChecks],
];

/**
 * Defines the tests that every store of queues must pass, with the runner that is given. Properties of features that
 * the store does not have are left out, and a test with the feature's name says why.
 *
 * @example
 * ```ts
 * queueStoreConformance({ describe, it, expect }, { name: 'mine', features: ['dedup'], create: async () => … });
 * ```
 */
export function queueStoreConformance<Tx>(runner: TestRunner, store: StoreUnderTest<Tx>): void {
  runner.describe(`${store.name} store`, () => {
    for (const [group, checks] of GROUPS) {
      runner.describe(group, () => defineGroup(runner, store, checks));
    }
  });
}

function defineGroup<Tx>(
  runner: TestRunner,
  store: StoreUnderTest<Tx>,
  checks: readonly Check[],
): void {
  const absent = new Map<Need, string>();
  for (const check of checks) {
    const reason = reasonAgainst(store, check.needs);
    if (reason === undefined) defineCheck(runner, store, check);
    else if (check.needs !== undefined) absent.set(check.needs, reason);
  }
  for (const [need, reason] of absent) defineAbsence(runner, store, need, reason);
}

/** Why the properties of a need are left out. */
function reasonAgainst<Tx>(store: StoreUnderTest<Tx>, need: Need | undefined): string | undefined {
  if (need === undefined) return undefined;
  const reason = store.absent?.[need];
  if (need === 'transactions' || reason !== undefined) return reason;
  return store.features?.includes(need) === true ? undefined : 'the store does not have it';
}

function defineCheck<Tx>(
  { it, expect }: TestRunner,
  store: StoreUnderTest<Tx>,
  check: Check,
): void {
  it(check.title, async () => {
    const harness = await store.create();
    try {
      await check.run(new Kit(harness), expect);
    } finally {
      await harness.close();
    }
  });
}

/** What is left out must not be claimed. */
function defineAbsence<Tx>(
  { it, expect }: TestRunner,
  store: StoreUnderTest<Tx>,
  need: Need,
  reason: string,
): void {
  it(`leaves out what needs ${need}: ${reason}`, async () => {
    const harness = await store.create();
    const { transactional, features = [] } = harness.store.traits;
    await harness.close();
    expect(need === 'transactions' ? transactional : features.includes(need)).toBe(false);
  });
}
