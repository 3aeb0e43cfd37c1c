import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ClaimedTask,
  memoryStore,
  type QueueStats,
  type TaskRecord,
} from '../../src/index.js';
import { scaled } from '../chaos/support/scale.js';
import { everyStore, type StoreSource } from './every-store.js';
import { steps } from './model/arbitrary.js';
import { Side } from './model/side.js';
import type { Step } from './model/steps.js';

const FEATURES = memoryStore().traits.features ?? [];
/** Others are looked at by way of a server, or of an embedded one. */
const runsOf = (kind: string): number => (kind === 'memory' ? 60 : scaled(12, 150));

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
async function afterEachStep(
  source: StoreSource,
  list: readonly Step[],
  look: (view: View) => void,
  prepare: (side: Side) => Promise<void> = async () => undefined,
): Promise<void> {
  const { store, advance, close } = await source.create();
  const side = new Side(store, advance);
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
    await close();
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
  expect(task.attempts).toBeGreaterThanOrEqual(0);
  expect(task.attempts).toBeLessThanOrEqual(task.epoch);
  expect(task.finishedAt === null).toBe(isLive(task));
  if (task.blockedBy !== undefined) expect(task.state).toBe('scheduled');
  if (task.blockedBy !== 'children') return;
  const children = (task.children ?? []).flatMap((id) => byId.get(id) ?? []);
  expect(children.some(isLive), 'waits for a live child').toBe(true);
}

function checkCounts({ tasks, stats }: View): void {
  for (const { queue, counts, blocked = 0 } of stats) {
    const here = tasks.filter((task) => task.queue === queue);
    for (const [state, count] of Object.entries(counts))
      expect(here.filter((task) => task.state === state).length).toBe(count);
    expect(here.filter((task) => task.blockedBy !== undefined).length).toBe(blocked);
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
    expect(recent.length, `claims of ${name}`).toBeLessThanOrEqual(max);
  }
}

/** Promises that hold after every step. */
function checkPromises(view: View): void {
  const { tasks } = view;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const task of tasks) checkTask(task, byId);
  const keyed = tasks.filter((task) => isLive(task) && task.key !== null && view.holds(task));
  const keys = keyed.map((task) => `${task.queue} ${task.key}`);
  expect(new Set(keys).size, 'one live task a key').toBe(keys.length);
  checkCounts(view);
  for (const [name, busy] of busyByGroup(tasks))
    if (/ s\d$/.test(name)) expect(busy, `strict ${name}`).toBe(1);
}

/** Limits both queues, and their groups. */
async function limit({ kit }: Side): Promise<void> {
  for (const queue of ['q', 'r'])
    await kit.store.control(queue, { ...QUEUE, groupDefaults: GROUP });
}

function checkLimits(view: View): void {
  for (const [name, busy] of busyByGroup(view.tasks))
    expect(busy, name).toBeLessThanOrEqual(GROUP.concurrency);
  for (const { counts } of view.stats) expect(counts.leased).toBeLessThanOrEqual(QUEUE.concurrency);
}

for (const kind of everyStore) {
  describe.skipIf(!kind.available)(kind.name, () => {
    const numRuns = runsOf(kind.name);
    let source: StoreSource;
    beforeAll(async () => {
      source = await kind.open();
    });
    afterAll(async () => {
      await source?.close();
    });

    it('keeps its promises whatever is asked of it', async () => {
      const property = fc.asyncProperty(steps(FEATURES), (list) =>
        afterEachStep(source, list, checkPromises),
      );
      await fc.assert(property, { numRuns });
    }, 300_000);

    it('never exceeds a cap or a rate, whatever is asked of it', async () => {
      const property = fc.asyncProperty(steps(FEATURES), async (list) => {
        const starts = new Starts();
        const uncontrolled = list.filter((step) => step.do !== 'control');
        const look = (view: View): void => {
          starts.check(view);
          checkLimits(view);
        };
        await afterEachStep(source, uncontrolled, look, limit);
      });
      await fc.assert(property, { numRuns });
    }, 300_000);
  });
}
