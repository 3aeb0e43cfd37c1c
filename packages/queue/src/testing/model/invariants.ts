import { equal, ok } from 'node:assert/strict';
import type { ClaimedTask, QueueStats, StoreFeature, TaskRecord } from '../../store.js';
import type { StoreUnderTest } from '../kit.js';
import { type FastCheck, steps } from './arbitrary.js';
import { type ModelRunner, TIMEOUT_MS } from './runner.js';
import { Side } from './side.js';
import type { Step } from './steps.js';

/** Options of {@link queueStoreInvariants}. */
export interface InvariantOptions {
  /**
   * Random runs of each test, of 5 to 60 steps.
   * @defaultValue 25
   */
  readonly runs?: number;
}

/** What a store looks like after a step. */
interface View {
  readonly now: number;
  readonly tasks: readonly TaskRecord[];
  readonly stats: readonly QueueStats[];
  /** What the step claimed. */
  readonly claimed: readonly ClaimedTask[];
  /** Whether a live task holds its key: not when its start has freed it. */
  readonly holds: (task: TaskRecord) => boolean;
}

/** Does random steps on a store and looks at it after each. */
async function afterEachStep<Tx>(
  { create }: StoreUnderTest<Tx>,
  list: readonly Step[],
  look: (view: View) => void,
  prepare: (side: Side<Tx>) => Promise<void> = async () => undefined,
): Promise<void> {
  const harness = await create();
  const { store } = harness;
  const side = new Side(store, (ms) => harness.advance(ms));
  try {
    await prepare(side);
    for (const step of list) {
      const ids = step.do === 'enqueue' ? step.tasks.map(() => side.kit.task().id) : [];
      const before = side.claims.length;
      await side.run(step, ids);
      const tasks = await side.tasks();
      const stats = await store.stats(['q', 'r']);
      const now = stats[0]?.now ?? 0;
      const holds = ({ id, epoch }: TaskRecord): boolean =>
        epoch === 0 || !side.freedOnStart.has(id);
      look({ now, tasks, stats, claimed: side.claims.slice(before), holds });
    }
  } finally {
    await harness.close();
  }
}

const isLive = ({ state }: TaskRecord): boolean =>
  state === 'ready' || state === 'scheduled' || state === 'leased';
const isBusy = ({ state }: TaskRecord): boolean => state === 'ready' || state === 'leased';

/** How many tasks of each group are ready or leased. */
function busyByGroup(tasks: readonly TaskRecord[]): Map<string, number> {
  const groups = new Map<string, number>();
  for (const task of tasks.filter((one) => one.group !== undefined && isBusy(one))) {
    const name = `${task.queue} ${task.group}`;
    groups.set(name, (groups.get(name) ?? 0) + 1);
  }
  return groups;
}

function checkTask(task: TaskRecord, byId: ReadonlyMap<string, TaskRecord>): void {
  const text = JSON.stringify(task);
  ok(task.attempts >= 0, `attempts are not negative: ${text}`);
  ok(task.attempts <= task.epoch, `there are no more attempts than claims: ${text}`);
  ok((task.finishedAt === null) === isLive(task), `has an end when it is finished: ${text}`);
  ok(task.blockedBy === undefined || task.state === 'scheduled', `what is blocked waits: ${text}`);
  if (task.blockedBy !== 'children') return;
  const children = (task.children ?? []).flatMap((id) => byId.get(id) ?? []);
  ok(children.some(isLive), `waits for a live child: ${text}`);
}

function checkCounts({ tasks, stats }: View): void {
  for (const { queue, counts, blocked = 0 } of stats) {
    const here = tasks.filter((task) => task.queue === queue);
    for (const [state, count] of Object.entries(counts))
      equal(here.filter((task) => task.state === state).length, count, `${state} in ${queue}`);
    const held = here.filter((task) => task.blockedBy !== undefined).length;
    equal(held, blocked, `blocked in ${queue}`);
  }
}

/** Longer than a lease, so that leases lapse within a window. */
const WINDOW_MS = 15_000;
const QUEUE = { concurrency: 3, rate: { max: 5, windowMs: WINDOW_MS } };
const GROUP = { concurrency: 2, rate: { max: 3, windowMs: WINDOW_MS } };

/** Looks for more claims in a window than a limit allows. */
class Starts {
  readonly #times = new Map<string, number[]>();

  check({ now, claimed }: View): void {
    for (const { queue, group } of claimed) {
      this.#note(queue, now, QUEUE.rate.max);
      if (group !== undefined) this.#note(`${queue} ${group}`, now, GROUP.rate.max);
    }
  }

  #note(name: string, now: number, max: number): void {
    const recent = (this.#times.get(name) ?? []).filter((at) => now - at < WINDOW_MS);
    recent.push(now);
    this.#times.set(name, recent);
    ok(recent.length <= max, `claims of ${name} in a window: ${recent.length} of ${max}`);
  }
}

/** Promises that hold after every step. */
function checkPromises(view: View): void {
  const { tasks } = view;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const task of tasks) checkTask(task, byId);
  const keyed = tasks.filter((task) => isLive(task) && task.key !== null && view.holds(task));
  const keys = keyed.map((task) => `${task.queue} ${task.key}`);
  equal(new Set(keys).size, keys.length, 'one live task a key');
  checkCounts(view);
  for (const [name, busy] of busyByGroup(tasks))
    if (/ s\d$/.test(name)) equal(busy, 1, `busy in strict ${name}`);
}

/** Limits both queues, and their groups where there are any. */
async function limit<Tx>({ kit }: Side<Tx>, features: readonly StoreFeature[]): Promise<void> {
  const groups = features.includes('groups') ? { groupDefaults: GROUP } : {};
  for (const queue of ['q', 'r']) await kit.store.control(queue, { ...QUEUE, ...groups });
}

function checkLimits(view: View): void {
  for (const [name, busy] of busyByGroup(view.tasks))
    ok(busy <= GROUP.concurrency, `busy in ${name}: ${busy} of ${GROUP.concurrency}`);
  for (const { queue, counts } of view.stats) {
    const { leased } = counts;
    ok(leased <= QUEUE.concurrency, `leased in ${queue}: ${leased} of ${QUEUE.concurrency}`);
  }
}

/**
 * Defines tests that do random steps on a store and look at it after each: that the promises of the contract hold, such as
 * one live task a key and counts that are true; and that no cap and no rate is ever exceeded, where the store has `limits`.
 * A failure comes with the shortest list of steps.
 *
 * `create` must give a store whose clock stands still until it is advanced.
 *
 * @example
 * ```ts
 * import fc from 'fast-check';
 *
 * queueStoreInvariants({ describe, it, expect, fc }, { name: 'mine', features: ['dedup'], create: async () => … });
 * ```
 */
export function queueStoreInvariants<Tx>(
  { describe, it, fc }: ModelRunner,
  store: StoreUnderTest<Tx>,
  { runs = 25 }: InvariantOptions = {},
): void {
  describe(`${store.name} after every step`, () => {
    it(
      'keeps its promises whatever is asked of it',
      () => keepsPromises(fc, store, runs),
      TIMEOUT_MS,
    );
    if (store.features?.includes('limits') !== true) return;
    it(
      'never exceeds a cap or a rate, whatever is asked of it',
      () => keepsLimits(fc, store, runs),
      TIMEOUT_MS,
    );
  });
}

async function keepsPromises<Tx>(
  fc: FastCheck,
  store: StoreUnderTest<Tx>,
  numRuns: number,
): Promise<void> {
  const property = fc.asyncProperty(steps(fc, store.features ?? []), (list) =>
    afterEachStep(store, list, checkPromises),
  );
  await fc.assert(property, { numRuns });
}

async function keepsLimits<Tx>(
  fc: FastCheck,
  store: StoreUnderTest<Tx>,
  numRuns: number,
): Promise<void> {
  const { features = [] } = store;
  const property = fc.asyncProperty(steps(fc, features), async (list) => {
    const starts = new Starts();
    const uncontrolled = list.filter((step) => step.do !== 'control');
    const look = (view: View): void => {
      starts.check(view);
      checkLimits(view);
    };
    await afterEachStep(store, uncontrolled, look, (side) => limit(side, features));
  });
  await fc.assert(property, { numRuns });
}
