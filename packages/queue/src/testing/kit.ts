import type {
  ClaimedTask,
  ExchangeReply,
  Extension,
  HistoryEntry,
  LeaseRef,
  NewTask,
  QueueStore,
  Settlement,
  StoreFeature,
  TaskGroup,
  TaskRecord,
} from '../store.js';
import { uuidv7 } from '../uuid.js';
import type { Need } from './checks.js';

/** A value that can be compared: the part of `expect` that the suite uses. */
export interface Assertion {
  toContain(expected: unknown): unknown;
  toBe(expected: unknown): unknown;
  toEqual(expected: unknown): unknown;
  toMatchObject(expected: object): unknown;
  toBeGreaterThan(expected: number): unknown;
  toBeGreaterThanOrEqual(expected: number): unknown;
}

/** What the suite needs of a test runner: vitest, jest and others fit. */
export interface TestRunner {
  describe(name: string, fn: () => void): unknown;
  it(name: string, fn: () => Promise<void>): unknown;
  expect(value: unknown): Assertion;
}

/** A store under test, fresh and empty. */
export interface StoreHarness<Tx> {
  readonly store: QueueStore<Tx>;
  /** Moves the store's clock on; it may stand still otherwise. */
  advance(ms: number): Promise<void>;
  /** Runs `fn` in a transaction that is rolled back when it throws. Needed where `traits.transactional`. */
  transaction?(fn: (tx: Tx) => Promise<void>): Promise<void>;
  /** Ends what `create` made. */
  close(): Promise<void>;
}

/** What the suite needs to know of a store. */
export interface StoreUnderTest<Tx> {
  readonly name: string;
  create(): Promise<StoreHarness<Tx>>;
  /**
   * The features to be tested: those of `traits.features`. For each of the others a test says that it is left out, and
   * fails if the store claims it all the same.
   * @defaultValue none
   */
  readonly features?: readonly StoreFeature[];
  /** Why the store cannot do something: the reasons that those tests give. */
  readonly absent?: Readonly<Partial<Record<Need, string>>>;
}

const LEASE_MS = 10_000;

/** Short words for the tests. */
export class Kit<Tx> {
  readonly store: QueueStore<Tx>;
  readonly harness: StoreHarness<Tx>;

  constructor(harness: StoreHarness<Tx>) {
    this.harness = harness;
    this.store = harness.store;
  }

  task(part: Partial<NewTask> = {}): NewTask {
    return {
      id: uuidv7(),
      queue: 'q',
      name: 't',
      payload: '{}',
      headers: {},
      priority: 0,
      when: { delayMs: 0 },
      maxAttempts: 3,
      keepCompletedMs: 60_000,
      keepDeadMs: 3_600_000,
      ...part,
    };
  }

  /** Enqueues one task and returns its id. */
  async add(part: Partial<NewTask> = {}): Promise<string> {
    const task = this.task(part);
    await this.store.enqueue([task]);
    return task.id;
  }

  /** Enqueues tasks together and returns their ids. */
  async addAll(...parts: Partial<NewTask>[]): Promise<string[]> {
    const tasks = parts.map((part) => this.task(part));
    await this.store.enqueue(tasks);
    return tasks.map((task) => task.id);
  }

  /** Enqueues `count` tasks of a group. */
  async addGroup(key: string, count: number, part: Omit<TaskGroup, 'key'> = {}): Promise<string[]> {
    return this.addAll(...Array.from({ length: count }, () => ({ group: { key, ...part } })));
  }

  async exchange(
    worker: string,
    part: {
      settle?: Settlement[];
      extend?: Extension[];
      claim?: number;
      queues?: string[];
      park?: boolean;
    } = {},
  ): Promise<ExchangeReply> {
    return this.store.exchange({
      worker,
      settle: part.settle ?? [],
      extend: part.extend ?? [],
      claim: {
        queues: part.queues ?? ['q'],
        limit: part.claim ?? 0,
        ...(part.park === undefined ? {} : { park: part.park }),
      },
      leaseMs: LEASE_MS,
    });
  }

  async claim(worker: string, limit = 1): Promise<readonly ClaimedTask[]> {
    return (await this.exchange(worker, { claim: limit })).claimed;
  }

  /** Claims the one task that is there. */
  async claimOne(worker: string): Promise<ClaimedTask> {
    const [task] = await this.claim(worker);
    if (task === undefined) throw new Error('there was nothing to claim');
    return task;
  }

  /** Claims and gives the groups of what was claimed, in order. */
  async claimGroups(worker: string, limit: number): Promise<(string | undefined)[]> {
    return (await this.claim(worker, limit)).map((task) => task.group);
  }

  async extend(worker: string, ...extend: Extension[]): Promise<readonly string[]> {
    return (await this.exchange(worker, { extend })).extended;
  }

  async settle(worker: string, ...settle: Settlement[]): Promise<readonly string[]> {
    return (await this.exchange(worker, { settle })).settled;
  }

  async get(id: string): Promise<TaskRecord | undefined> {
    return (await this.store.find({ ids: [id] }, { order: 'oldest', limit: 1 }))[0];
  }

  /** The state of a task, with what it waits for; undefined where there is none. */
  async stateOf(id: string): Promise<string | undefined> {
    const task = await this.get(id);
    return task?.blockedBy === undefined ? task?.state : `blocked by ${task.blockedBy}`;
  }

  /** Lets every lease run out. */
  async lapse(): Promise<void> {
    await this.harness.advance(LEASE_MS);
    await this.store.sweep(1000);
  }

  completed({ id, epoch }: LeaseRef, result: string | null = null): Settlement {
    return { id, epoch, outcome: 'completed', result };
  }

  retry({ id, epoch }: LeaseRef, delayMs = 0): Settlement {
    return { id, epoch, outcome: 'retry', when: { delayMs }, entry: entryOf(epoch) };
  }

  dead({ id, epoch }: LeaseRef): Settlement {
    return { id, epoch, outcome: 'dead', entry: entryOf(epoch) };
  }

  released({ id, epoch }: LeaseRef, delayMs = 0): Settlement {
    return { id, epoch, outcome: 'released', when: { delayMs } };
  }

  /** Brings a new task to the dead letters. */
  async addDead(part: Partial<NewTask> = {}): Promise<string> {
    const id = await this.add(part);
    await this.settle('undertaker', this.dead(await this.claimOne('undertaker')));
    return id;
  }
}

function entryOf(epoch: number): HistoryEntry {
  return { kind: 'error', at: 0, attempt: epoch, epoch, name: 'Error', message: 'no\u0000 good' };
}
