import type { QueueStore, StoreFeature } from '../../store.js';
import { memoryStore } from '../../stores/memory.js';
import type { StoreUnderTest } from '../kit.js';
import { virtualClock } from '../virtual-clock.js';
import { START, steps } from './arbitrary.js';
import { type ModelRunner, TIMEOUT_MS } from './runner.js';
import { Side } from './side.js';

/** The two sides are looked at after so many steps, and at the end. */
const LOOK = 100;

/** Features that are tried together, under a title. */
export type FeatureSet = readonly [title: string, features: readonly StoreFeature[]];

/** Options of {@link queueStoreModel}. */
export interface ModelOptions {
  /**
   * Random runs of each test.
   * @defaultValue 25
   */
  readonly runs?: number;
  /**
   * Steps of each run.
   * @defaultValue 5 to 60, at random
   */
  readonly steps?: number;
  /**
   * The features that are tried together: a test for each set. What the store does not have is left out.
   * @defaultValue none, each with those it needs, and all
   */
  readonly sets?: readonly FeatureSet[];
}

const SETS: readonly FeatureSet[] = [
  ['tasks', []],
  ['keys', ['dedup']],
  ['limits', ['limits']],
  ['groups', ['groups']],
  ['flows', ['flows']],
  ['schedules', ['schedules', 'dedup']],
  ['changes', ['cancel', 'redrive', 'edits', 'move', 'filters', 'progress']],
  ['all of it', memoryStore().traits.features ?? []],
];

/**
 * Defines tests that do random steps on a store and on the memory store, the model of what a store does. Both must look
 * the same: reply by reply, and in all that can be seen in the end. A failure comes with the shortest list of steps.
 *
 * `create` must give a store whose clock stands still until it is advanced, and begins at 2026-01-01T00:00:00Z as that
 * of `virtualClock()` does.
 *
 * @example
 * ```ts
 * import fc from 'fast-check';
 *
 * queueStoreModel({ describe, it, expect, fc }, { name: 'mine', features: ['dedup'], create: async () => … });
 * ```
 */
export function queueStoreModel<Tx>(
  runner: ModelRunner,
  store: StoreUnderTest<Tx>,
  options: ModelOptions = {},
): void {
  runner.describe(`${store.name} against the model`, () => {
    for (const [title, features] of setsOf(store, options.sets ?? SETS)) {
      runner.it(
        `does what the memory store does: ${title}`,
        () => sameAsModel(runner, store, features, options),
        TIMEOUT_MS,
      );
    }
  });
}

/** The sets without what the store lacks, each once. */
function setsOf<Tx>(
  { features = [] }: StoreUnderTest<Tx>,
  sets: readonly FeatureSet[],
): FeatureSet[] {
  const seen = new Set<string>();
  return sets.flatMap(([title, wanted]): FeatureSet[] => {
    const had = wanted.filter((feature) => features.includes(feature));
    const name = had.join();
    if (seen.has(name)) return [];
    seen.add(name);
    return [[title, had]];
  });
}

/** Random steps on a store and on the memory store must look the same, reply by reply and in the end. */
async function sameAsModel<Tx>(
  { fc, expect }: ModelRunner,
  store: StoreUnderTest<Tx>,
  features: readonly StoreFeature[],
  options: ModelOptions,
): Promise<void> {
  const property = fc.asyncProperty(steps(fc, features, options.steps), async (list) => {
    const clock = virtualClock(START);
    const model = new Side(memoryStore({ clock }), (ms) => clock.advance(ms));
    const harness = await store.create();
    const real = new Side(harness.store, (ms) => harness.advance(ms));
    const seen = store.features ?? [];
    try {
      await checkClock(harness.store);
      for (const [index, step] of list.entries()) {
        const ids = step.do === 'enqueue' ? step.tasks.map(() => model.kit.task().id) : [];
        expect(await real.run(step, ids)).toEqual(await model.run(step, ids));
        const looks = (index + 1) % LOOK === 0 || index === list.length - 1;
        if (looks) expect(await real.look(seen)).toEqual(await model.look(seen));
      }
    } finally {
      await harness.close();
    }
  });
  await fc.assert(property, { numRuns: options.runs ?? 25 });
}

/** With another clock every step would differ, and none would say why. */
async function checkClock<Tx>(store: QueueStore<Tx>): Promise<void> {
  const now = (await store.stats(['q']))[0]?.now;
  if (now !== START)
    throw new Error(
      `Expected the clock of a new \`store\` to stand at ${START} (2026-01-01T00:00:00Z), got ${now}`,
    );
}
