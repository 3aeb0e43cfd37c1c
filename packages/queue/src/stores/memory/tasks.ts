import type {
  AlterationBase,
  ClaimedTask,
  EnqueueOutcome,
  Extension,
  HistoryEntry,
  LeaseRef,
  NewTask,
  Settlement,
  TaskFilter,
} from '../../store.js';
import { Heap } from '../heap.js';
import { MemoryFlows } from './flows.js';
import type { MemoryJournal } from './journal.js';
import { MemoryKeys } from './keys.js';
import { matcher } from './match.js';
import { overwrite } from './overwrite.js';
import { MemoryQueue } from './queue.js';
import { dueAt, type MemoryTask, newMemoryTask, toClaimed } from './task.js';

/** A finished child whose parents are live is looked at again after this. */
const RECHECK_MS = 60_000;

/** All tasks in memory and what may befall them. `now` is the store's clock; `wake` tells of what became ready. */
export class MemoryTasks {
  readonly byId: Map<string, MemoryTask> = new Map();
  readonly queues: Map<string, MemoryQueue> = new Map();
  /** Those under a lease, by id: few, so that they are found at once however many wait. */
  readonly leased: Map<string, MemoryTask> = new Map();
  readonly keys: MemoryKeys = new MemoryKeys((id) => this.isLive(id));
  readonly journal: MemoryJournal;
  readonly flows: MemoryFlows = new MemoryFlows(this);
  readonly #expiring = new Heap<{ at: number; expiresAt: number; task: MemoryTask }>(
    (a, b) => a.at < b.at,
  );
  readonly #wake: (queue: string) => void;
  #seq = 0;

  constructor(wake: (queue: string) => void, journal: MemoryJournal) {
    this.#wake = wake;
    this.journal = journal;
  }

  /** The queue of a name, made when it is new. */
  queue(name: string): MemoryQueue {
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = new MemoryQueue(() => this.#wake(name));
      this.queues.set(name, queue);
    }
    return queue;
  }

  isLive(id: string): boolean {
    const task = this.byId.get(id);
    return task !== undefined && task.finishedAt === null;
  }

  nextSeq(): number {
    return ++this.#seq;
  }

  /** Adds a task unless another holds its key. `placed` has the outcomes of the same batch so far, by id. */
  add(task: NewTask, now: number, placed: ReadonlyMap<string, string>): EnqueueOutcome {
    const holder = this.keys.take(task, now);
    if (holder !== task.id) return overwrite(this, this.byId.get(holder), task, holder, now);
    const added = newMemoryTask(task, this.nextSeq(), now, dueAt(task.when, now));
    this.byId.set(task.id, added);
    const queue = this.queue(task.queue);
    queue.enter(added);
    queue.join(added, now, true);
    this.journal.minute(task.queue, now).added++;
    this.journal.task('task.added', added, now, false);
    if (task.waitFor === undefined) queue.arrive(added, now);
    else this.flows.begin(added, placed, now);
    return { outcome: 'added', id: task.id };
  }

  /**
   * Takes the key of a task that is there already, in the queue it goes to; one that is freed on start it has lost for
   * good. Whether nobody else has it.
   */
  retakeKey(task: MemoryTask, queue: string, now: number): boolean {
    if (task.epoch > 0 && task.task.key?.freeOnStart === true) return true;
    return this.keys.take({ ...task.task, queue }, now, task.enqueuedAt) === task.task.id;
  }

  /** The task under this lease, or under this lease until it lapsed. */
  #held({ id, epoch }: LeaseRef, worker: string): MemoryTask | undefined {
    const task = this.leased.get(id) ?? this.byId.get(id);
    if (task === undefined || task.epoch !== epoch || task.holder !== worker) return undefined;
    return task.finishedAt === null ? task : undefined;
  }

  /** Ends a lease. */
  settle(settlement: Settlement, worker: string, now: number): 'ok' | 'stale' | 'cancelled' {
    const task = this.#held(settlement, worker);
    if (task === undefined) return 'stale';
    this.leased.delete(task.task.id);
    task.leaseUntil = null;
    if ('entry' in settlement) task.history.push(settlement.entry);
    if (task.cancelRequested) {
      this.finish(task, 'cancelled', now);
      return 'cancelled';
    }
    if (settlement.outcome === 'completed') {
      task.result = settlement.result;
      this.#tallyRun(task, 'completed', now);
      this.finish(task, 'completed', now);
    } else if (settlement.outcome === 'dead') {
      this.#tallyRun(task, 'dead', now);
      this.finish(task, 'dead', now);
    } else {
      this.#again(task, settlement.outcome, dueAt(settlement.when, now), now);
    }
    return 'ok';
  }

  #again(task: MemoryTask, outcome: 'retry' | 'released', runAt: number, now: number): void {
    const queue = this.queue(task.task.queue);
    task.holder = null;
    task.runAt = runAt;
    if (outcome === 'released') task.attempts--;
    else this.#tallyRun(task, 'failed', now);
    this.journal.task(outcome === 'retry' ? 'task.failed' : 'task.released', task, now, true);
    queue.arrive(task, now);
    if (runAt > now && task.group?.strict === undefined) queue.freeSlot(task, now);
    this.#wake(task.task.queue);
  }

  #tallyRun(task: MemoryTask, field: 'completed' | 'failed' | 'dead', now: number): void {
    const tally = this.journal.minute(task.task.queue, now);
    tally[field]++;
    const ran = Math.max(0, now - (task.startedAt ?? now));
    tally.runMs += ran;
    if (ran > tally.runMaxMs) tally.runMaxMs = ran;
  }

  /** Ends a task for good, and what that means for its group, its key and its parents. */
  finish(
    task: MemoryTask,
    state: 'completed' | 'dead' | 'cancelled',
    now: number,
    who: AlterationBase = {},
  ): void {
    const queue = this.queue(task.task.queue);
    const keepMs = state === 'dead' ? task.task.keepDeadMs : task.task.keepCompletedMs;
    task.finishedAt = now;
    task.expiresAt = now + keepMs;
    queue.move(task, state);
    const { group } = task;
    if (!(state === 'dead' && group?.strict === 'block')) queue.freeSlot(task, now);
    queue.part(task, now);
    if (state !== 'completed' && task.task.key?.freeOnFailure === true) this.keys.free(task.task);
    const epoch = task.epoch > 0 ? { epoch: task.epoch } : {};
    this.journal.change(`task.${state}`, task, now, { ...epoch, ...who });
    const { ready, scheduled, leased } = queue.counts;
    if (ready + scheduled + leased === 0) {
      const { queue: name } = task.task;
      this.journal.note({ at: now, type: 'queue.drained', queue: name, subject: name });
    }
    if (task.parents.length > 0) this.flows.ended(task, now);
    if (keepMs === 0 && !hasLiveParent(task)) this.drop(task, now);
    else this.#expiring.push({ at: task.expiresAt, expiresAt: task.expiresAt, task });
  }

  /** Forgets a task. */
  drop(task: MemoryTask, now: number): void {
    const queue = this.queue(task.task.queue);
    const live = task.finishedAt === null;
    queue.leave(task);
    this.byId.delete(task.task.id);
    for (const id of task.children) {
      const child = this.byId.get(id);
      if (child !== undefined) child.parents = child.parents.filter((parent) => parent !== task);
    }
    const { group } = task;
    queue.freeSlot(task, now);
    if (live) queue.part(task, now);
    else if (group !== null) queue.forget(group, now);
  }

  /** Renews a lease. */
  extend(lease: Extension, worker: string, until: number, now: number): 'ok' | 'lost' | 'cancel' {
    const task = this.#held(lease, worker);
    if (task === undefined) return 'lost';
    if (task.state !== 'leased') {
      const queue = this.queue(task.task.queue);
      if (!queue.hasRoomToExtend()) return 'lost';
      if (task.runAt > now) task.runAt = now; // it waited for the rate of its group
      queue.move(task, 'leased');
      this.leased.set(task.task.id, task);
      if (task.group !== null) queue.admit(task.group, now);
    }
    task.leaseUntil = until;
    if (lease.progress !== undefined) {
      task.progress = lease.progress;
      const { queue, id: subject, name } = task.task;
      const { epoch, progress } = { epoch: task.epoch, progress: lease.progress };
      this.journal.note({ at: now, type: 'task.progress', queue, subject, name, epoch, progress });
    }
    return task.cancelRequested ? 'cancel' : 'ok';
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
        const task = queue.claimable(now);
        if (task === undefined) break;
        this.#lease(task, queue, { worker, now, until: now + leaseMs });
        claimed.push(toClaimed(task));
      }
    }
    return claimed;
  }

  #lease(
    task: MemoryTask,
    queue: MemoryQueue,
    { worker, now, until }: { worker: string; now: number; until: number },
  ): void {
    queue.claimed(task, now);
    this.leased.set(task.task.id, task);
    if (task.epoch === 0 && task.task.key?.freeOnStart === true) this.keys.free(task.task);
    task.epoch++;
    task.attempts++;
    task.holder = worker;
    task.startedAt = now;
    task.leaseUntil = until;
    const tally = this.journal.minute(task.task.queue, now);
    const waited = Math.max(0, now - task.runAt);
    tally.started++;
    tally.waitMs += waited;
    if (waited > tally.waitMaxMs) tally.waitMaxMs = waited;
    this.journal.task('task.started', task, now, true);
  }

  /** Ends a lease nobody spoke for. */
  lapse(task: MemoryTask, now: number): 'lapsed' | 'died' | 'cancelled' {
    const { attempts: attempt, epoch, holder } = task;
    this.leased.delete(task.task.id);
    task.leaseUntil = null;
    task.history.push({
      kind: 'lapsed',
      at: now,
      attempt,
      epoch,
      ...(holder === null ? {} : { worker: holder }),
    });
    this.journal.task('task.lapsed', task, now, true);
    if (task.cancelRequested) {
      this.finish(task, 'cancelled', now);
      return 'cancelled';
    }
    if (attempt >= task.task.maxAttempts) {
      this.#tallyRun(task, 'dead', now);
      this.finish(task, 'dead', now);
      return 'died';
    }
    this.#tallyRun(task, 'failed', now);
    this.queue(task.task.queue).arrive(task, now);
    this.#wake(task.task.queue);
    return 'lapsed';
  }

  /** Drops finished tasks and keys past their retention. */
  prune(limit: number, now: number): number {
    let pruned = this.keys.prune(limit, now);
    const most = pruned + limit;
    for (let next = this.#expiring.peek(); pruned < most; next = this.#expiring.peek()) {
      if (next === undefined || next.at > now) break;
      this.#expiring.pop();
      const { task, expiresAt } = next;
      // A redriven task has left its expiry behind; a removed one is no longer there.
      if (task.expiresAt !== expiresAt || this.byId.get(task.task.id) !== task) continue;
      if (hasLiveParent(task)) {
        this.#expiring.push({ at: now + RECHECK_MS, expiresAt, task });
        continue;
      }
      this.drop(task, now);
      pruned++;
    }
    for (const queue of this.queues.values()) queue.prune(now);
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
    const parent = filter.childrenOf === undefined ? undefined : this.byId.get(filter.childrenOf);
    return pool.filter(matcher(filter, parent));
  }

  /** Adds to a task's history what an operator or the store did. */
  enter(task: MemoryTask, now: number, part: Omit<HistoryEntry, 'at' | 'attempt' | 'epoch'>): void {
    const { attempts: attempt, epoch } = task;
    task.history.push({ ...part, at: now, attempt, epoch });
  }
}

function hasLiveParent(task: MemoryTask): boolean {
  return task.parents.some((parent) => parent.finishedAt === null);
}
