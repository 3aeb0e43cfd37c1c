import { type Clock, systemClock } from '../clock.js';
import { QueueError } from '../errors.js';
import { clockOption, integerOption, knownOptions } from '../options.js';
import type {
  Alteration,
  Edit,
  EnqueueOutcome,
  EventPage,
  EventsRequest,
  ExchangeReply,
  ExchangeRequest,
  NewTask,
  PageRequest,
  QueueMinute,
  QueuePage,
  QueuePatch,
  QueueStats,
  QueueStore,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
  StoreTraits,
  SweepReport,
  TaskFilter,
  TaskRecord,
} from '../store.js';
import { whoOf } from '../who.js';
import {
  areNames,
  COMMON_FEATURES,
  checkBatch,
  nearestPriority,
  priorityRefused,
  refuseTransaction,
} from './common.js';
import { changeTask, fits } from './memory/changes.js';
import { MemoryJournal } from './memory/journal.js';
import { MemoryQueue } from './memory/queue.js';
import { MemorySchedules } from './memory/schedules.js';
import { toRecord } from './memory/task.js';
import { MemoryTasks } from './memory/tasks.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** @defaultValue the system's */
  clock?: Clock;
  /**
   * How many events are kept at least; twice as many at most.
   * @defaultValue 10000
   */
  events?: number;
}

class MemoryStore implements QueueStore {
  readonly name = 'memory';
  readonly traits: StoreTraits = {
    durable: 'none',
    transactional: false,
    push: true,
    features: COMMON_FEATURES,
  };
  readonly #clock: Clock;
  readonly #journal: MemoryJournal;
  readonly #tasks: MemoryTasks;
  readonly #schedules = new MemorySchedules();
  readonly #wakers = new Map<string, Set<(queue: string) => void>>();
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    knownOptions('options', options, ['clock', 'events']);
    this.#clock = clockOption('options.clock', options.clock, systemClock);
    const events = integerOption('options.events', options.events, 10_000, [1, 10_000_000]);
    this.#journal = new MemoryJournal(this.#clock, events);
    this.#tasks = new MemoryTasks((queue) => this.#wake(queue), this.#journal);
  }

  async migrate(): Promise<void> {
    this.#open();
  }

  async enqueue(
    tasks: readonly NewTask[],
    options?: { tx?: undefined },
  ): Promise<EnqueueOutcome[]> {
    this.#open();
    refuseTransaction(this.name, options?.tx);
    checkBatch(tasks, (id) => this.#tasks.byId.has(id));
    for (const { queue, priority } of tasks) {
      const range = priority === 0 ? null : (this.#tasks.queues.get(queue)?.priorities ?? null);
      if (range !== null && nearestPriority(range, priority) !== priority)
        throw priorityRefused(range, priority);
    }
    const now = this.#clock.now();
    const placed = new Map<string, string>();
    const outcomes = tasks.map((task) => {
      const outcome = this.#tasks.add(task, now, placed);
      if (outcome.id !== task.id) placed.set(task.id, outcome.id);
      return outcome;
    });
    for (const queue of new Set(tasks.map((task) => task.queue))) this.#wake(queue);
    return outcomes;
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    const now = this.#clock.now();
    const { worker, claim, leaseMs } = request;
    const cancelled: number[] = [];
    const settled = request.settle.map((settlement, index) => {
      const verdict = this.#tasks.settle(settlement, worker, now);
      if (verdict !== 'cancelled') return verdict;
      cancelled.push(index);
      return 'ok';
    });
    const extended = request.extend.map((lease) =>
      this.#tasks.extend(lease, worker, now + leaseMs, now),
    );
    if (claim.limit > 0)
      for (const name of claim.queues) this.#tasks.queues.get(name)?.promote(now);
    const claimed = this.#tasks.claim(claim.queues, claim.limit, worker, now, leaseMs);
    let nextDueAt: number | null = null;
    for (const name of claim.queues) {
      const due = this.#tasks.queues.get(name)?.nextDueAt(now) ?? null;
      if (due !== null && (nextDueAt === null || due < nextDueAt)) nextDueAt = due;
    }
    const reply = { now, settled, extended, claimed, nextDueAt };
    return cancelled.length === 0 ? reply : { ...reply, cancelled };
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
    const due = [...this.#tasks.leased.values()].filter((task) => (task.leaseUntil ?? 0) <= now);
    due.sort((a, b) => (a.leaseUntil ?? 0) - (b.leaseUntil ?? 0));
    const died: { id: string; queue: string; name: string }[] = [];
    let lapsed = 0;
    for (const task of due.slice(0, limit)) {
      const end = this.#tasks.lapse(task, now);
      if (end === 'lapsed') lapsed++;
      else if (end === 'died')
        died.push({ id: task.task.id, queue: task.task.queue, name: task.task.name });
    }
    const fired = this.#fire(limit, now);
    const pruned = this.#tasks.prune(limit, now);
    return { lapsed, died, pruned, ...(fired === 0 ? {} : { fired }) };
  }

  #fire(limit: number, now: number): number {
    return this.#schedules.fire(limit, now, (due, subject) => {
      const range = this.#tasks.queues.get(due.queue)?.priorities ?? null;
      const task = { ...due, priority: nearestPriority(range, due.priority) };
      if (this.#tasks.add(task, now, new Map()).outcome !== 'added') return false;
      const { queue, name } = task;
      this.#journal.note({ at: now, type: 'schedule.fired', queue, subject, name });
      this.#wake(queue);
      return true;
    });
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

  async stats(queues?: readonly string[] | QueuePage): Promise<QueueStats[]> {
    this.#open();
    if (areNames(queues)) return this.#stats(queues);
    const { after, limit } = queues;
    const all = this.#stats(undefined).filter(({ queue }) => after === undefined || queue > after);
    return all.slice(0, limit);
  }

  #stats(queues: readonly string[] | undefined): QueueStats[] {
    const now = this.#clock.now();
    const listed: QueueStats[] = [];
    for (const name of [...(queues ?? this.#tasks.queues.keys())].sort(compare)) {
      const queue = this.#tasks.queues.get(name) ?? new MemoryQueue();
      const counts = { ...queue.counts };
      const empty = Object.values(counts).every((count) => count === 0);
      if (queues === undefined && empty && !queue.configured) continue;
      const { paused, pausedReason, pausedBy } = queue;
      const oldestReadyAt = queue.oldestReadyAt();
      const { blocked } = queue;
      const limits = queue.limits();
      listed.push({
        queue: name,
        paused,
        pausedReason,
        pausedBy,
        counts,
        oldestReadyAt,
        now,
        ...(blocked === 0 ? {} : { blocked }),
        ...(limits === undefined ? {} : { limits }),
      });
    }
    return listed;
  }

  async alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]> {
    return this.#change(filter, change, limit);
  }

  async edit(filter: TaskFilter, change: Edit, limit: number): Promise<string[]> {
    return this.#change(filter, change, limit);
  }

  #change(filter: TaskFilter, change: Alteration | Edit, limit: number): string[] {
    this.#open();
    const now = this.#clock.now();
    const changed: string[] = [];
    const stillFits = fits(change);
    const found = this.#tasks.matching(filter).filter(stillFits);
    found.sort((a, b) => compare(a.task.id, b.task.id));
    const counts = new Map<string, number>();
    for (const task of found) {
      if (changed.length >= limit) break;
      // One change can end another task, as that of a child ends its parent.
      if (this.#tasks.byId.get(task.task.id) !== task || !stillFits(task)) continue;
      if (!changeTask(this.#tasks, task, change, changed.length, now)) continue;
      const { id, queue } = task.task;
      changed.push(id);
      counts.set(queue, (counts.get(queue) ?? 0) + 1);
    }
    if (WAKING.includes(change.kind)) for (const queue of counts.keys()) this.#wake(queue);
    if (change.kind === 'clean') {
      const told = { at: now, type: 'queue.cleaned', ...whoOf(change) } as const;
      for (const [queue, count] of counts)
        this.#journal.note({ ...told, queue, subject: queue, count });
    }
    return changed;
  }

  async control(name: string, patch: QueuePatch): Promise<void> {
    this.#open();
    const queue = this.#tasks.queue(name);
    const now = this.#clock.now();
    queue.configured = true;
    queue.setLimits(patch, now);
    const { paused: _, by: __, reason: ___, ...limits } = patch;
    if (Object.values(limits).some((limit) => limit !== undefined))
      this.#journal.note({
        at: now,
        type: 'queue.changed',
        queue: name,
        subject: name,
        ...whoOf(patch),
      });
    if (patch.paused !== undefined) {
      const type = patch.paused ? 'queue.paused' : 'queue.resumed';
      if (queue.paused !== patch.paused) {
        this.#journal.note({ at: now, type, queue: name, subject: name, ...whoOf(patch) });
      }
      queue.paused = patch.paused;
      queue.pausedReason = patch.paused ? (patch.reason ?? null) : null;
      queue.pausedBy = patch.paused ? (patch.by ?? null) : null;
    }
    if (!queue.paused) this.#wake(name);
  }

  async schedule(ops: readonly ScheduleOp[]): Promise<(ScheduleRecord | null)[]> {
    this.#open();
    const now = this.#clock.now();
    return this.#schedules.apply(ops, now, (event) => this.#journal.note({ at: now, ...event }));
  }

  async schedules(filter: ScheduleFilter, page?: SchedulePage): Promise<ScheduleRecord[]> {
    this.#open();
    return this.#schedules.list(filter, page);
  }

  async events(request: EventsRequest): Promise<EventPage> {
    this.#open();
    return this.#journal.read(request);
  }

  async minutes(queue: string, fromMs: number, toMs: number): Promise<QueueMinute[]> {
    this.#open();
    return this.#journal.minutes(queue, fromMs, toMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakers.clear();
    this.#journal.close();
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

/** Changes that can make something ready. */
const WAKING: readonly string[] = ['redrive', 'promote', 'move', 'reprioritise'];

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
