import type {
  Alteration,
  ClaimedTask,
  EnqueueOutcome,
  LeaseRef,
  NewTask,
  Settlement,
  TaskFilter,
  When,
} from '../store.js';
import { Heap } from './heap.js';
import { MemoryKeys } from './memory-keys.js';
import { MemoryQueue, type MemoryTask } from './memory-queue.js';

/** All tasks in memory and what may befall them. `now` is the store's clock; `wake` tells of what became ready. */
export class MemoryTasks {
  readonly byId: Map<string, MemoryTask> = new Map();
  readonly queues: Map<string, MemoryQueue> = new Map();
  readonly leased: Set<MemoryTask> = new Set();
  readonly #keys = new MemoryKeys((id) => this.#isLive(id));
  readonly #expiringTasks = new Heap<{ at: number; task: MemoryTask }>((a, b) => a.at < b.at);
  readonly #wake: (queue: string) => void;
  #seq = 0;

  constructor(wake: (queue: string) => void) {
    this.#wake = wake;
  }

  /** The queue of a name, made when it is new. */
  queue(name: string): MemoryQueue {
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = new MemoryQueue();
      this.queues.set(name, queue);
    }
    return queue;
  }

  /** Adds a task unless another holds its key. */
  add(task: NewTask, now: number): EnqueueOutcome {
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
    this.byId.set(task.id, added);
    this.queue(task.queue).enter(added, runAt <= now ? 'ready' : 'scheduled');
    return { outcome: 'added', id: task.id };
  }

  #isLive(id: string): boolean {
    const task = this.byId.get(id);
    return task !== undefined && task.finishedAt === null;
  }

  /** The task under this lease, or under this lease until it lapsed. */
  #held({ id, epoch }: LeaseRef, worker: string): MemoryTask | undefined {
    const task = this.byId.get(id);
    if (task === undefined || task.epoch !== epoch || task.holder !== worker) return undefined;
    return task.state === 'leased' || task.state === 'ready' ? task : undefined;
  }

  /** Ends a lease. */
  settle(settlement: Settlement, worker: string, now: number): 'ok' | 'stale' {
    const task = this.#held(settlement, worker);
    if (task === undefined) return 'stale';
    this.leased.delete(task);
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
      this.queue(task.task.queue).move(task, task.runAt <= now ? 'ready' : 'scheduled');
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
    const queue = this.queue(task.task.queue);
    task.finishedAt = now;
    task.expiresAt = now + keepMs;
    queue.move(task, state);
    if (keepMs === 0) this.#drop(task);
    else this.#expiringTasks.push({ at: task.expiresAt, task });
  }

  #drop(task: MemoryTask): void {
    this.queue(task.task.queue).leave(task);
    this.byId.delete(task.task.id);
  }

  /** Renews a lease. */
  extend(lease: LeaseRef, worker: string, until: number): 'ok' | 'lost' {
    const task = this.#held(lease, worker);
    if (task === undefined) return 'lost';
    task.leaseUntil = until;
    if (task.state === 'ready') {
      this.queue(task.task.queue).move(task, 'leased');
      this.leased.add(task);
    }
    return 'ok';
  }

  /** Makes what is due ready. */
  promote(name: string, now: number): void {
    const queue = this.queues.get(name);
    if (queue === undefined) return;
    for (
      let task = queue.nextDue();
      task !== undefined && task.runAt <= now;
      task = queue.nextDue()
    ) {
      queue.move(task, 'ready');
    }
  }

  /** Claims from queues in their order. */
  claim(
    queues: readonly string[],
    limit: number,
    worker: string,
    now: number,
    leaseMs: number,
  ): ClaimedTask[] {
    const claimed: ClaimedTask[] = [];
    for (const name of queues) {
      const queue = this.queues.get(name);
      if (queue === undefined || queue.paused) continue;
      while (claimed.length < limit) {
        const task = queue.first();
        if (task === undefined) break;
        queue.move(task, 'leased');
        this.leased.add(task);
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
  lapse(task: MemoryTask, now: number): boolean {
    const { attempts: attempt, epoch, holder } = task;
    this.leased.delete(task);
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
    this.queue(task.task.queue).move(task, 'ready');
    this.#wake(task.task.queue);
    return true;
  }

  /** Drops finished tasks and keys past their retention. */
  prune(limit: number, now: number): number {
    let pruned = this.#keys.prune(limit, now);
    const most = pruned + limit;
    for (let next = this.#expiringTasks.peek(); pruned < most; next = this.#expiringTasks.peek()) {
      if (next === undefined || next.at > now) break;
      this.#expiringTasks.pop();
      // A redriven task has left its expiry behind; a removed one is no longer there.
      if (next.task.expiresAt !== next.at || !this.byId.has(next.task.task.id)) continue;
      this.#drop(next.task);
      pruned++;
    }
    return pruned;
  }

  /** Every task that a filter matches, in no order. */
  matching(filter: TaskFilter): MemoryTask[] {
    const pool =
      filter.ids === undefined
        ? [...this.byId.values()]
        : [...new Set(filter.ids)]
            .map((id) => this.byId.get(id))
            .filter((task) => task !== undefined);
    return pool.filter(
      ({ task, state }) =>
        (filter.queue === undefined || task.queue === filter.queue) &&
        (filter.name === undefined || task.name === filter.name) &&
        (filter.states === undefined || filter.states.includes(state)),
    );
  }

  /** When the task ready longest became due. */
  oldestReady(queue: string): number | null {
    let oldest: number | null = null;
    for (const { task, state, runAt } of this.byId.values()) {
      if (task.queue === queue && state === 'ready' && (oldest === null || runAt < oldest))
        oldest = runAt;
    }
    return oldest;
  }

  /** Redrives, cancels or removes a task that the change fits. */
  change(task: MemoryTask, { kind, by, reason }: Alteration, now: number): void {
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
    this.queue(task.task.queue).move(task, 'ready');
  }
}

function dueAt(when: When, now: number): number {
  return 'atMs' in when ? when.atMs : now + when.delayMs;
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
