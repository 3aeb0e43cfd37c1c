import fc from 'fast-check';
import type { NewTask, QueuePatch, Settlement, StoreFeature } from '../../../src/index.js';

/** A task of a step; what it waits for are earlier ones of the same step. */
export interface StepTask {
  queue: string;
  priority: number;
  delay: number;
  key: NonNullable<NewTask['key']> | undefined;
  max: number;
  keep: number;
  group: NonNullable<NewTask['group']> | undefined;
  waits: readonly number[];
  onFailure: 'fail' | 'ignore';
}

/** What one random step does to a store; `pick` chooses among the claims so far. */
export type Step =
  | { do: 'enqueue'; tasks: StepTask[] }
  | { do: 'claim'; worker: string; limit: number; queues: string[] }
  | {
      do: 'settle';
      worker: string;
      picks: { pick: number; outcome: Settlement['outcome']; delay: number }[];
    }
  | { do: 'extend'; worker: string; picks: number[] }
  | { do: 'advance'; ms: number }
  | { do: 'sweep' }
  | {
      do: 'alter';
      kind: 'redrive' | 'cancel' | 'remove';
      queue: string | undefined;
      limit: number;
      more: boolean;
    }
  | { do: 'edit'; kind: 'promote' | 'reprioritise' | 'move'; queue: string; limit: number }
  | { do: 'control'; queue: string; patch: QueuePatch };

const queue = fc.constantFrom('q', 'r');
const worker = fc.constantFrom('a', 'b');
const delay = fc.constantFrom(0, 0, 1_000, 7_000);
const limit = fc.constantFrom(1, 2, 10);
const rare = <T>(arbitrary: fc.Arbitrary<T>, freq: number): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq });
const nothing = fc.constant(undefined);

function taskOf(features: ReadonlySet<StoreFeature>): fc.Arbitrary<StepTask> {
  const key = fc.record({
    value: fc.constantFrom('k0', 'k1', 'k2'),
    ttlMs: fc.constantFrom(0, 8_000),
    ...(features.has('dedup')
      ? {
          mode: fc.constantFrom('ignore' as const, 'replace' as const, 'merge' as const),
          freeOnFailure: fc.boolean(),
          freeOnStart: fc.boolean(),
        }
      : {}),
  });
  const group = fc.oneof(
    fc.record({ key: fc.constantFrom('g0', 'g1'), weight: fc.constantFrom(1, 2) }),
    fc.record({
      key: fc.constantFrom('s0', 's1'),
      strict: fc.constantFrom('skip' as const, 'block' as const),
    }),
  );
  return fc.record({
    queue,
    priority: fc.integer({ min: -1, max: 1 }),
    delay,
    key: rare(key, 2),
    max: fc.integer({ min: 1, max: 3 }),
    keep: fc.constantFrom(0, 9_000),
    group: features.has('groups') ? rare(group, 2) : nothing,
    waits: features.has('flows')
      ? fc.oneof(
          { weight: 3, arbitrary: fc.constant([]) },
          { weight: 1, arbitrary: fc.uniqueArray(fc.nat({ max: 3 }), { maxLength: 2 }) },
        )
      : fc.constant([]),
    onFailure: fc.constantFrom('fail' as const, 'ignore' as const),
  });
}

function patchOf(features: ReadonlySet<StoreFeature>): fc.Arbitrary<QueuePatch> {
  const most = fc.constantFrom(null, 1, 2);
  const rate = fc.constantFrom(null, { max: 2, windowMs: 5_000 });
  const parts: fc.Arbitrary<QueuePatch>[] = [fc.record({ paused: fc.boolean() })];
  if (features.has('limits')) parts.push(fc.record({ concurrency: most }), fc.record({ rate }));
  if (features.has('groups')) {
    const limits = fc.record({ concurrency: most, rate });
    parts.push(
      fc.record({ groupDefaults: limits }),
      fc.record({ groups: fc.record({ g0: fc.option(limits) }) }),
    );
  }
  return fc.oneof(...parts);
}

const pick = fc.nat();
const outcome = fc.constantFrom<Settlement['outcome']>('completed', 'retry', 'dead', 'released');

/** Random steps within the features. */
export function steps(list: readonly StoreFeature[]): fc.Arbitrary<Step[]> {
  const features = new Set(list);
  const as = <Name extends Step['do']>(name: Name): fc.Arbitrary<Name> => fc.constant(name);
  const tasks = fc.array(taskOf(features), { minLength: 1, maxLength: 4 });
  const picks = fc.array(fc.record({ pick, outcome, delay }), { minLength: 1, maxLength: 3 });
  const queues = fc.uniqueArray(queue, { minLength: 1 });
  const claims = fc.integer({ min: 1, max: 4 });
  const alteration = fc.record({
    do: as('alter'),
    kind: fc.constantFrom('redrive' as const, 'cancel' as const, 'remove' as const),
    queue: rare(queue, 2),
    limit,
    more: features.has('cancel') && features.has('redrive') ? fc.boolean() : fc.constant(false),
  });
  const kinds = ['promote', 'reprioritise', ...(features.has('move') ? ['move'] : [])] as const;
  const edit = fc.record({
    do: as('edit'),
    kind: fc.constantFrom(...(kinds as readonly ('promote' | 'reprioritise' | 'move')[])),
    queue,
    limit,
  });
  const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 4, arbitrary: fc.record({ do: as('enqueue'), tasks }) },
    { weight: 5, arbitrary: fc.record({ do: as('claim'), worker, limit: claims, queues }) },
    { weight: 4, arbitrary: fc.record({ do: as('settle'), worker, picks }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: as('extend'),
        worker,
        picks: fc.array(pick, { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: as('advance'), ms: fc.constantFrom(1, 1_000, 6_000, 10_000) }),
    },
    { weight: 2, arbitrary: fc.record({ do: as('sweep') }) },
    { weight: 1, arbitrary: alteration },
    { weight: 1, arbitrary: fc.record({ do: as('control'), queue, patch: patchOf(features) }) },
    ...(features.has('edits') ? [{ weight: 1, arbitrary: edit }] : []),
  );
  return fc.array(step, { minLength: 5, maxLength: 60 });
}
