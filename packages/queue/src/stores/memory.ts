import { type Clock, systemClock } from '../clock.js';
import { QueueError } from '../errors.js';
import { invalidOption, knownOptions } from '../options.js';
import type {
  Alteration,
  EnqueueOutcome,
  ExchangeReply,
  ExchangeRequest,
  NewTask,
  PageRequest,
  QueuePatch,
  QueueStats,
  QueueStore,
  StoreTraits,
  SweepReport,
  TaskFilter,
  TaskRecord,
} from '../store.js';
import { MemoryQueue, toRecord } from './memory-queue.js';
import { MemoryTasks } from './memory-tasks.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** @defaultValue the system's */
  clock?: Clock;
}

class MemoryStore implements QueueStore {
  readonly name = 'memory';
  readonly traits: StoreTraits = { durable: 'none', transactional: false, push: true };
  readonly #clock: Clock;
  readonly #tasks: MemoryTasks = new MemoryTasks((queue) => this.#wake(queue));
  readonly #wakers = new Map<string, Set<(queue: string) => void>>();
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    knownOptions('options', options, ['clock']);
    this.#clock = options.clock ?? systemClock;
  }

  async migrate(): Promise<void> {
    this.#open();
  }

  async enqueue(
    tasks: readonly NewTask[],
    options?: { tx?: undefined },
  ): Promise<EnqueueOutcome[]> {
    this.#open();
    if (options?.tx !== undefined) {
      throw invalidOption('options.tx', 'absent: the memory store has no transactions', options.tx);
    }
    const ids = new Set<string>();
    for (const { id } of tasks) {
      if (this.#tasks.byId.has(id) || ids.has(id)) {
        throw new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${id} already`);
      }
      ids.add(id);
    }
    const now = this.#clock.now();
    const outcomes = tasks.map((task) => this.#tasks.add(task, now));
    for (const queue of new Set(tasks.map((task) => task.queue))) this.#wake(queue);
    return outcomes;
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    const now = this.#clock.now();
    const { worker, claim, leaseMs } = request;
    const settled = request.settle.map((settlement) => this.#tasks.settle(settlement, worker, now));
    const extended = request.extend.map((lease) =>
      this.#tasks.extend(lease, worker, now + leaseMs),
    );
    if (claim.limit > 0) for (const queue of claim.queues) this.#tasks.promote(queue, now);
    const claimed = this.#tasks.claim(claim.queues, claim.limit, worker, now, leaseMs);
    let nextDueAt: number | null = null;
    for (const name of claim.queues) {
      const due = this.#tasks.queues.get(name)?.nextDue()?.runAt;
      if (due !== undefined && (nextDueAt === null || due < nextDueAt)) nextDueAt = due;
    }
    return { now, settled, extended, claimed, nextDueAt };
  }

  async onWake(queues: readonly string[], wake: (queue: string) => void): Promise<AsyncDisposable> {
    this.#open();
    const entry = (queue: string): void => wake(queue);
    for (const queue of queues) {
      const set = this.#wakers.get(queue) ?? new Set();
      this.#wakers.set(queue, set.add(entry));
    }
    return {
      [Symbol.asyncDispose]: async () => {
        for (const queue of queues) this.#wakers.get(queue)?.delete(entry);
      },
    };
  }

  async sweep(limit: number): Promise<SweepReport> {
    this.#open();
    const now = this.#clock.now();
    const due = [...this.#tasks.leased].filter((task) => (task.leaseUntil ?? 0) <= now);
    due.sort((a, b) => (a.leaseUntil ?? 0) - (b.leaseUntil ?? 0));
    const died: { id: string; queue: string; name: string }[] = [];
    let lapsed = 0;
    for (const task of due.slice(0, limit)) {
      if (this.#tasks.lapse(task, now)) lapsed++;
      else died.push({ id: task.task.id, queue: task.task.queue, name: task.task.name });
    }
    return { lapsed, died, pruned: this.#tasks.prune(limit, now) };
  }

  async find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]> {
    this.#open();
    const sign = page.order === 'newest' ? -1 : 1;
    const found = this.#tasks
      .matching(filter)
      .filter(({ task }) => page.after === undefined || sign * compare(task.id, page.after) > 0);
    found.sort((a, b) => sign * compare(a.task.id, b.task.id));
    return found.slice(0, page.limit).map(toRecord);
  }

  async stats(queues?: readonly string[]): Promise<QueueStats[]> {
    this.#open();
    const now = this.#clock.now();
    const listed: QueueStats[] = [];
    for (const name of [...(queues ?? this.#tasks.queues.keys())].sort(compare)) {
      const queue = this.#tasks.queues.get(name) ?? new MemoryQueue();
      const counts = { ...queue.counts };
      const empty = Object.values(counts).every((count) => count === 0);
      if (queues === undefined && empty && !queue.configured) continue;
      const { paused, pausedReason, pausedBy } = queue;
      const oldestReadyAt = this.#tasks.oldestReady(name);
      listed.push({ queue: name, paused, pausedReason, pausedBy, counts, oldestReadyAt, now });
    }
    return listed;
  }

  async alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]> {
    this.#open();
    const now = this.#clock.now();
    const fits = FITS[change.kind];
    const found = this.#tasks.matching(filter).filter((task) => fits.includes(task.state));
    found.sort((a, b) => compare(a.task.id, b.task.id));
    const changed = found.slice(0, limit);
    for (const task of changed) this.#tasks.change(task, change, now);
    if (change.kind === 'redrive') {
      for (const queue of new Set(changed.map((task) => task.task.queue))) this.#wake(queue);
    }
    return changed.map((task) => task.task.id);
  }

  async control(name: string, patch: QueuePatch): Promise<void> {
    this.#open();
    const queue = this.#tasks.queue(name);
    queue.configured = true;
    if (patch.paused === undefined) return;
    queue.paused = patch.paused;
    queue.pausedReason = patch.paused ? (patch.reason ?? null) : null;
    queue.pausedBy = patch.paused ? (patch.by ?? null) : null;
    if (!patch.paused) this.#wake(name);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): void {
    if (this.#closed) throw new QueueError('QUEUE_CLOSED', 'The memory store is closed');
  }

  #wake(queue: string): void {
    for (const wake of this.#wakers.get(queue) ?? []) queueMicrotask(() => wake(queue));
  }
}

/** The states that each change fits. */
const FITS: Readonly<Record<Alteration['kind'], readonly string[]>> = {
  redrive: ['dead'],
  cancel: ['ready', 'scheduled'],
  remove: ['ready', 'scheduled', 'completed', 'dead', 'cancelled'],
};

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Keeps tasks in this process: nothing to install, gone when the process ends. It is also the model that the other
 * stores are tested against.
 */
export function memoryStore(options?: MemoryStoreOptions): QueueStore {
  return new MemoryStore(options);
}
