import type fc from 'fast-check';
import type { QueuePatch, Settlement, StoreFeature, TaskState } from '../../store.js';
import type { Step, StepFilter, StepSchedule, StepTask } from './steps.js';

/** Where the clocks of the stores under test begin: as `virtualClock()` does, milliseconds since 1970. */
export const START: number = Date.UTC(2026, 0, 1);
/** Longer than the longest run. */
const KEPT_MS = 1_000_000_000;

type Features = ReadonlySet<StoreFeature>;

/** The module `fast-check`, as the caller imported it. */
export type FastCheck = typeof fc;

/** What every arbitrary is made with. */
interface Parts extends ReturnType<typeof partsOf> {
  readonly fc: FastCheck;
  readonly features: Features;
}

/** The small choices that the others are made of. */
function partsOf(fc: FastCheck) {
  const nothing = fc.constant(undefined);
  return {
    queue: fc.constantFrom('q', 'r'),
    worker: fc.constantFrom('a', 'b'),
    name: fc.constantFrom('t', 'u'),
    error: fc.constantFrom('Error', 'TypeError'),
    delay: fc.constantFrom(0, 0, 1_000, 7_000),
    limit: fc.constantFrom(1, 2, 10),
    pick: fc.nat(),
    outcome: fc.constantFrom<Settlement['outcome']>('completed', 'retry', 'dead', 'released'),
    nothing,
    /** One time in so many. */
    rare: <T>(arbitrary: fc.Arbitrary<T>, times: number): fc.Arbitrary<T | undefined> =>
      fc.oneof({ weight: times - 1, arbitrary: nothing }, { weight: 1, arbitrary }),
    as: <Name extends Step['do']>(step: Name): fc.Arbitrary<Name> => fc.constant(step),
  };
}

function taskOf(parts: Parts): fc.Arbitrary<StepTask> {
  const { fc, features, queue, name, delay, nothing, rare } = parts;
  const key = fc.record(
    {
      value: fc.constantFrom('k0', 'k1', 'k2'),
      ttlMs: fc.constantFrom(0, 8_000),
      ...(features.has('dedup')
        ? {
            mode: fc.constantFrom('ignore' as const, 'replace' as const, 'merge' as const),
            freeOnFailure: fc.boolean(),
            freeOnStart: fc.boolean(),
            maxMergedChars: fc.constant(8),
          }
        : {}),
    },
    { requiredKeys: ['value', 'ttlMs'] },
  );
  const group = fc.oneof(
    fc.record({ key: fc.constantFrom('g0', 'g1'), weight: fc.constantFrom(1, 2) }),
    fc.record({
      key: fc.constantFrom('s0', 's1'),
      strict: fc.constantFrom('skip' as const, 'block' as const),
    }),
  );
  return fc.record({
    queue,
    name,
    priority: fc.integer({ min: -1, max: 1 }),
    delay,
    key: rare(key, 2),
    max: fc.integer({ min: 1, max: 3 }),
    keep: fc.constantFrom(0, 9_000),
    keepDead: fc.constant(30_000),
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

/**
 * A finished child is kept as long as a parent is live, and how long after that is the store's choice: what is waited for,
 * or may be by way of its key, is kept to the end.
 */
function keptFor(
  features: Features,
  { keep, keepDead, ...task }: StepTask,
  waited: boolean,
): StepTask {
  const long = features.has('flows') && (waited || task.key !== undefined);
  return { ...task, keep: long ? KEPT_MS : keep, keepDead: long ? KEPT_MS : keepDead };
}

function batchOf(parts: Parts): fc.Arbitrary<StepTask[]> {
  return parts.fc.array(taskOf(parts), { minLength: 1, maxLength: 4 }).map((tasks) =>
    tasks.map((task, at) => {
      const waited = tasks.some(({ waits }) => waits.includes(at));
      return keptFor(parts.features, task, waited);
    }),
  );
}

function patchOf({ fc, features }: Parts): fc.Arbitrary<QueuePatch> {
  const most = fc.constantFrom(null, 1, 2);
  const rate = fc.constantFrom(null, { max: 2, windowMs: 5_000 });
  const pausing = { paused: fc.boolean(), reason: fc.constant('why'), by: fc.constant('ann') };
  const parts: fc.Arbitrary<QueuePatch>[] = [fc.record(pausing, { requiredKeys: ['paused'] })];
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

const states = ['ready', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'] as const;

function filterOf(parts: Parts): fc.Arbitrary<StepFilter> {
  const { fc, features, queue, name, error, pick, nothing, rare } = parts;
  const time = fc.constantFrom(0, 6_000, 20_000, 60_000).map((ms) => START + ms);
  const filter = fc.record(
    {
      queue,
      name,
      states: fc.uniqueArray(fc.constantFrom<TaskState>(...states), { minLength: 1 }),
      ...(features.has('filters')
        ? {
            group: fc.constantFrom('g0', 's0'),
            blockedBy: fc.constantFrom('children' as const, 'group' as const, 'none' as const),
            error,
            finishedFrom: time,
            finishedTo: time,
          }
        : {}),
    },
    { requiredKeys: [] },
  );
  return fc.record({
    parts: fc.oneof(
      { weight: 2, arbitrary: fc.record({ queue }, { requiredKeys: [] }) },
      { weight: 3, arbitrary: filter },
    ),
    ids: rare(fc.array(pick, { maxLength: 4 }), 8),
    childrenOf: features.has('flows') ? rare(pick, 8) : nothing,
  });
}

function scheduleOf(parts: Parts): fc.Arbitrary<StepSchedule> {
  const { fc, features, rare } = parts;
  const task = taskOf(parts).map((one) => keptFor(features, one, false));
  return fc.record({
    timing: fc.constantFrom<StepSchedule['timing']>(
      { everyMs: 3_000, anchorMs: 0 },
      { everyMs: 7_000, anchorMs: START },
      { cron: '*/5 * * * * *', timeZone: 'UTC' },
      { cron: '* * * * *', timeZone: 'Asia/Kolkata' },
    ),
    missed: fc.constantFrom<StepSchedule['missed']>(
      { policy: 'once' },
      { policy: 'skip', graceMs: 1_500 },
      { policy: 'all', max: 2 },
    ),
    untilMs: rare(
      fc.constantFrom(12_000, 40_000).map((ms) => START + ms),
      4,
    ),
    task,
  });
}

type Weighted = fc.WeightedArbitrary<Step>;

/** Tasks and leases. */
function dailySteps(parts: Parts): Weighted[] {
  const { fc, features, queue, worker, delay, error, pick, outcome, nothing, rare, as } = parts;
  const tasks = batchOf(parts);
  const ends = fc.record({ pick, outcome, delay, error });
  const progress = features.has('progress') ? rare(fc.constantFrom('1', '{"a":2}'), 2) : nothing;
  const extensions = fc.record({ pick, progress });
  const some = { minLength: 1, maxLength: 3 };
  const queues = fc.uniqueArray(queue, { minLength: 1 });
  const claims = fc.integer({ min: 1, max: 4 });
  const ms = fc.constantFrom(1, 1_000, 6_000, 10_000);
  return [
    { weight: 4, arbitrary: fc.record({ do: as('enqueue'), tasks }) },
    { weight: 5, arbitrary: fc.record({ do: as('claim'), worker, limit: claims, queues }) },
    { weight: 4, arbitrary: fc.record({ do: as('settle'), worker, picks: fc.array(ends, some) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: as('extend'), worker, picks: fc.array(extensions, some) }),
    },
    { weight: 3, arbitrary: fc.record({ do: as('advance'), ms }) },
    { weight: features.has('schedules') ? 4 : 2, arbitrary: fc.record({ do: as('sweep') }) },
  ];
}

/** What operators do. */
function rareSteps(parts: Parts): Weighted[] {
  const { fc, features, queue, limit, as } = parts;
  const filter = filterOf(parts);
  const alteration = fc.record({
    do: as('alter'),
    kind: fc.constantFrom(
      ...['redrive' as const, 'cancel' as const, 'remove' as const, 'clean' as const],
    ),
    filter,
    limit,
    more: features.has('cancel') && features.has('redrive') ? fc.boolean() : fc.constant(false),
  });
  const order = fc.constantFrom('newest' as const, 'oldest' as const);
  const steps: Weighted[] = [
    { weight: 1, arbitrary: alteration },
    { weight: 1, arbitrary: fc.record({ do: as('control'), queue, patch: patchOf(parts) }) },
    { weight: 1, arbitrary: fc.record({ do: as('find'), filter, order, limit }) },
  ];
  if (features.has('edits')) {
    const kinds: ('promote' | 'reprioritise' | 'move')[] = ['promote', 'reprioritise'];
    if (features.has('move')) kinds.push('move');
    const kind = fc.constantFrom(...kinds);
    steps.push({ weight: 1, arbitrary: fc.record({ do: as('edit'), kind, queue, limit }) });
  }
  if (features.has('schedules')) {
    const op = fc.record({
      kind: fc.constantFrom(
        ...['upsert' as const, 'upsert' as const, 'pause' as const, 'resume' as const],
        'remove' as const,
      ),
      queue,
      id: fc.constantFrom('x', 'y'),
      schedule: scheduleOf(parts),
    });
    const ops = fc.array(op, { minLength: 1, maxLength: 2 });
    steps.push({ weight: 3, arbitrary: fc.record({ do: as('schedule'), ops }) });
  }
  return steps;
}

/** Random steps within the features; `length` of them, or 5 to 60. */
export function steps(
  fc: FastCheck,
  list: readonly StoreFeature[],
  length?: number,
): fc.Arbitrary<Step[]> {
  const parts = { ...partsOf(fc), fc, features: new Set(list) };
  const step = fc.oneof(...dailySteps(parts), ...rareSteps(parts));
  const [minLength, maxLength] = length === undefined ? [5, 60] : [length, length];
  return fc.array(step, { minLength, maxLength });
}
