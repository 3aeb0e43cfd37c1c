import { type Clock, systemClock } from '../clock.js';
import { QueueError } from '../errors.js';
import { invalidOption, knownOptions } from '../options.js';
import type {
  Alteration,
  ClaimedTask,
  EnqueueOutcome,
  ExchangeReply,
  ExchangeRequest,
  LeaseRef,
  NewTask,
  PageRequest,
  QueuePatch,
  QueueStats,
  QueueStore,
  Settlement,
  StoreTraits,
  SweepReport,
  TaskFilter,
  TaskRecord,
  When,
} from '../store.js';
import { Heap } from './heap.js';
import { MemoryKeys } from './memory-keys.js';
import { MemoryQueue, type MemoryTask, toRecord } from './memory-queue.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** @defaultValue the system's */
  clock?: Clock;
}

class MemoryStore implements QueueStore {
  readonly name = 'memory';
  readonly traits: StoreTraits = { durable: 'none', transactional: false, push: true };
  readonly #clock: Clock;
  readonly #tasks = new Map<string, MemoryTask>();
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #leased = new Set<MemoryTask>();
  readonly #keys = new MemoryKeys((id) => this.#isLive(id));
  readonly #expiringTasks = new Heap<{ at: number; task: MemoryTask }>((a, b) => a.at < b.at);
  readonly #wakers = new Map<string, Set<(queue: string) => void>>();
  #seq = 0;
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
      if (this.#tasks.has(id) || ids.has(id)) {
        throw new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${id} already`);
      }
      ids.add(id);
    }
    const now = this.#clock.now();
    const outcomes = tasks.map((task) => this.#add(task, now));
    for (const queue of new Set(tasks.map((task) => task.queue))) this.#wake(queue);
    return outcomes;
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    const now = this.#clock.now();
    const { worker, claim, leaseMs } = request;
    const settled = request.settle.map((settlement) => this.#settle(settlement, worker, now));
    const extended = request.extend.map((lease) => this.#extend(lease, worker, now + leaseMs));
    if (claim.limit > 0) for (const queue of claim.queues) this.#promote(queue, now);
    const claimed = this.#claim(claim.queues, claim.limit, worker, now, leaseMs);
    let nextDueAt: number | null = null;
    for (const name of claim.queues) {
      const due = this.#queues.get(name)?.nextDue()?.runAt;
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
    const due = [...this.#leased].filter((task) => (task.leaseUntil ?? 0) <= now);
    due.sort((a, b) => (a.leaseUntil ?? 0) - (b.leaseUntil ?? 0));
    const died: { id: string; queue: string; name: string }[] = [];
    let lapsed = 0;
    for (const task of due.slice(0, limit)) {
      if (this.#lapse(task, now)) lapsed++;
      else died.push({ id: task.task.id, queue: task.task.queue, name: task.task.name });
    }
    return { lapsed, died, pruned: this.#pruneTasks(limit, now) + this.#keys.prune(limit, now) };
  }

  async find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]> {
    this.#open();
    const sign = page.order === 'newest' ? -1 : 1;
    const found = this.#matching(filter).filter(
      ({ task }) => page.after === undefined || sign * compare(task.id, page.after) > 0,
    );
    found.sort((a, b) => sign * compare(a.task.id, b.task.id));
    return found.slice(0, page.limit).map(toRecord);
  }

  async stats(queues?: readonly string[]): Promise<QueueStats[]> {
    this.#open();
    const now = this.#clock.now();
    const listed: QueueStats[] = [];
    for (const name of [...(queues ?? this.#queues.keys())].sort(compare)) {
      const queue = this.#queues.get(name) ?? new MemoryQueue();
      const counts = { ...queue.counts };
      const empty = Object.values(counts).every((count) => count === 0);
      if (queues === undefined && empty && !queue.configured) continue;
      const { paused, pausedReason, pausedBy } = queue;
      const oldestReadyAt = this.#oldestReady(name);
      listed.push({ queue: name, paused, pausedReason, pausedBy, counts, oldestReadyAt, now });
    }
    return listed;
  }

  async alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]> {
    this.#open();
    const now = this.#clock.now();
    const fits = FITS[change.kind];
    const found = this.#matching(filter).filter((task) => fits.includes(task.state));
    found.sort((a, b) => compare(a.task.id, b.task.id));
    const changed = found.slice(0, limit);
    for (const task of changed) this.#change(task, change, now);
    if (change.kind === 'redrive') {
      for (const queue of new Set(changed.map((task) => task.task.queue))) this.#wake(queue);
    }
    return changed.map((task) => task.task.id);
  }

  async control(name: string, patch: QueuePatch): Promise<void> {
    this.#open();
    const queue = this.#queue(name);
    queue.configured = true;
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

  #queue(name: string): MemoryQueue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new MemoryQueue();
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #add(task: NewTask, now: number): EnqueueOutcome {
    const holder = this.#keys.take(task, now);
    if (holder !== task.id) return { outcome: 'duplicate', id: holder };
    const runAt = dueAt(task.when, now);
    const added: MemoryTask = {
      task,
      seq: ++this.#seq,
      state: 'ready',
      epoch: 0,
      attempts: 0,
      holder: null,
      leaseUntil: null,
      enqueuedAt: now,
      runAt,
      startedAt: null,
      finishedAt: null,
      expiresAt: null,
      result: null,
      history: [],
      ticket: 0,
    };
    this.#tasks.set(task.id, added);
    this.#queue(task.queue).enter(added, runAt <= now ? 'ready' : 'scheduled');
    return { outcome: 'added', id: task.id };
  }

  #isLive(id: string): boolean {
    const task = this.#tasks.get(id);
    return task !== undefined && task.finishedAt === null;
  }

  /** The task under this lease, or under this lease until it lapsed. */
  #held({ id, epoch }: LeaseRef, worker: string): MemoryTask | undefined {
    const task = this.#tasks.get(id);
    if (task === undefined || task.epoch !== epoch || task.holder !== worker) return undefined;
    return task.state === 'leased' || task.state === 'ready' ? task : undefined;
  }

  #settle(settlement: Settlement, worker: string, now: number): 'ok' | 'stale' {
    const task = this.#held(settlement, worker);
    if (task === undefined) return 'stale';
    this.#leased.delete(task);
    task.leaseUntil = null;
    if ('entry' in settlement) task.history.push(settlement.entry);
    if (settlement.outcome === 'completed') {
      task.result = settlement.result;
      this.#finish(task, 'completed', task.task.keepCompletedMs, now);
    } else if (settlement.outcome === 'dead') {
      this.#finish(task, 'dead', task.task.keepDeadMs, now);
    } else {
      task.holder = null;
      if (settlement.outcome === 'released') task.attempts--;
      task.runAt = dueAt(settlement.when, now);
      this.#queue(task.task.queue).move(task, task.runAt <= now ? 'ready' : 'scheduled');
      this.#wake(task.task.queue);
    }
    return 'ok';
  }

  #finish(
    task: MemoryTask,
    state: 'completed' | 'dead' | 'cancelled',
    keepMs: number,
    now: number,
  ): void {
    const queue = this.#queue(task.task.queue);
    task.finishedAt = now;
    task.expiresAt = now + keepMs;
    queue.move(task, state);
    if (keepMs === 0) this.#drop(task);
    else this.#expiringTasks.push({ at: task.expiresAt, task });
  }

  #drop(task: MemoryTask): void {
    this.#queue(task.task.queue).leave(task);
    this.#tasks.delete(task.task.id);
  }

  #extend(lease: LeaseRef, worker: string, until: number): 'ok' | 'lost' {
    const task = this.#held(lease, worker);
    if (task === undefined) return 'lost';
    task.leaseUntil = until;
    if (task.state === 'ready') {
      this.#queue(task.task.queue).move(task, 'leased');
      this.#leased.add(task);
    }
    return 'ok';
  }

  #promote(name: string, now: number): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    for (
      let task = queue.nextDue();
      task !== undefined && task.runAt <= now;
      task = queue.nextDue()
    ) {
      queue.move(task, 'ready');
    }
  }

  #claim(
    queues: readonly string[],
    limit: number,
    worker: string,
    now: number,
    leaseMs: number,
  ): ClaimedTask[] {
    const claimed: ClaimedTask[] = [];
    for (const name of queues) {
      const queue = this.#queues.get(name);
      if (queue === undefined || queue.paused) continue;
      while (claimed.length < limit) {
        const task = queue.first();
        if (task === undefined) break;
        queue.move(task, 'leased');
        this.#leased.add(task);
        task.epoch++;
        task.attempts++;
        task.holder = worker;
        task.startedAt = now;
        task.leaseUntil = now + leaseMs;
        claimed.push(toClaimed(task));
      }
    }
    return claimed;
  }

  /** Ends a lease nobody spoke for. Whether the task may run again. */
  #lapse(task: MemoryTask, now: number): boolean {
    const { attempts: attempt, epoch, holder } = task;
    this.#leased.delete(task);
    task.leaseUntil = null;
    task.history.push({
      kind: 'lapsed',
      at: now,
      attempt,
      epoch,
      ...(holder === null ? {} : { worker: holder }),
    });
    if (attempt >= task.task.maxAttempts) {
      this.#finish(task, 'dead', task.task.keepDeadMs, now);
      return false;
    }
    this.#queue(task.task.queue).move(task, 'ready');
    this.#wake(task.task.queue);
    return true;
  }

  #pruneTasks(limit: number, now: number): number {
    let pruned = 0;
    for (let next = this.#expiringTasks.peek(); pruned < limit; next = this.#expiringTasks.peek()) {
      if (next === undefined || next.at > now) break;
      this.#expiringTasks.pop();
      // A redriven task has left its expiry behind; a removed one is no longer there.
      if (next.task.expiresAt !== next.at || !this.#tasks.has(next.task.task.id)) continue;
      this.#drop(next.task);
      pruned++;
    }
    return pruned;
  }

  #matching(filter: TaskFilter): MemoryTask[] {
    const pool =
      filter.ids === undefined
        ? [...this.#tasks.values()]
        : [...new Set(filter.ids)]
            .map((id) => this.#tasks.get(id))
            .filter((task) => task !== undefined);
    return pool.filter(
      ({ task, state }) =>
        (filter.queue === undefined || task.queue === filter.queue) &&
        (filter.name === undefined || task.name === filter.name) &&
        (filter.states === undefined || filter.states.includes(state)),
    );
  }

  #oldestReady(queue: string): number | null {
    let oldest: number | null = null;
    for (const { task, state, runAt } of this.#tasks.values()) {
      if (task.queue === queue && state === 'ready' && (oldest === null || runAt < oldest))
        oldest = runAt;
    }
    return oldest;
  }

  #change(task: MemoryTask, { kind, by, reason }: Alteration, now: number): void {
    if (kind === 'remove') {
      this.#drop(task);
      this.#keys.free(task.task);
      return;
    }
    const who = {
      ...(by === undefined ? {} : { by }),
      ...(reason === undefined ? {} : { reason }),
    };
    const { attempts: attempt, epoch } = task;
    task.holder = null;
    if (kind === 'cancel') {
      task.history.push({ kind: 'cancelled', at: now, attempt, epoch, ...who });
      this.#finish(task, 'cancelled', task.task.keepCompletedMs, now);
      return;
    }
    task.history.push({ kind: 'redriven', at: now, attempt, epoch, ...who });
    task.attempts = 0;
    task.finishedAt = null;
    task.expiresAt = null;
    task.runAt = now;
    task.seq = ++this.#seq;
    this.#queue(task.task.queue).move(task, 'ready');
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

function dueAt(when: When, now: number): number {
  return 'atMs' in when ? when.atMs : now + when.delayMs;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function toClaimed(task: MemoryTask): ClaimedTask {
  const { id, queue, name, payload, headers, priority, maxAttempts } = task.task;
  const { epoch, attempts: attempt, enqueuedAt, runAt } = task;
  return {
    id,
    epoch,
    queue,
    name,
    payload,
    headers,
    priority,
    attempt,
    maxAttempts,
    enqueuedAt,
    runAt,
  };
}

/**
 * Keeps tasks in this process: nothing to install, gone when the process ends. It is also the model that the other
 * stores are tested against.
 */
export function memoryStore(options?: MemoryStoreOptions): QueueStore {
  return new MemoryStore(options);
}
