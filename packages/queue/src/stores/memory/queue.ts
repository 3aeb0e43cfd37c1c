import type {
  GroupLimits,
  PriorityRange,
  QueueLimits,
  QueuePatch,
  RateLimit,
  TaskState,
} from '../../store.js';
import { Heap } from '../heap.js';
import { claimedBefore, current, type Entry, entryOf, MemoryGroup } from './group.js';
import { RateWindow } from './rates.js';
import type { MemoryTask } from './task.js';

/** So many entries that are out of date show that nobody has asked for a while. */
const FORGOTTEN = 1_000;

const dueBefore = (a: Entry, b: Entry): boolean => (a.at === b.at ? a.seq < b.seq : a.at < b.at);

/** The live tasks of one queue, in order, its groups and its settings. */
export class MemoryQueue {
  readonly counts: Record<TaskState, number> = {
    ready: 0,
    scheduled: 0,
    leased: 0,
    completed: 0,
    dead: 0,
    cancelled: 0,
  };
  blocked = 0;
  paused = false;
  pausedReason: string | null = null;
  pausedBy: string | null = null;
  /** Whether a setting was ever made: then the queue is listed even without tasks. */
  configured = false;
  concurrency: number | null = null;
  priorities: PriorityRange | null = null;
  /** The largest tag claimed. */
  vtime = 0;
  /** Tells workers that there may be something to claim. */
  readonly wake: () => void;
  readonly #groups = new Map<string, MemoryGroup>();
  readonly #groupLimits = new Map<string, GroupLimits>();
  #groupDefaults: GroupLimits | null = null;
  #rateLimit: RateLimit | null = null;
  #rate: RateWindow | null = null;
  readonly #ready = new Heap<Entry>(claimedBefore);
  /** The ready tasks by when they became due. Kept only while somebody asks for the oldest. */
  #due: Heap<Entry> | null = null;
  readonly #scheduled = new Heap<Entry>(dueBefore);
  /** Groups with tasks that wait for their rate. */
  readonly #reopening = new Heap<{ at: number; group: MemoryGroup }>((a, b) => a.at < b.at);

  constructor(wake: () => void = () => undefined) {
    this.wake = wake;
  }

  /** Moves a task to a state, keeping counts and order. */
  move(task: MemoryTask, state: TaskState, blockedBy: MemoryTask['blockedBy'] = null): void {
    this.#leave(task);
    task.state = state;
    this.counts[state]++;
    if (blockedBy !== null) {
      task.blockedBy = blockedBy;
      this.blocked++;
      if (blockedBy === 'group') task.group?.backlog.push(entryOf(task));
    } else if (state === 'ready') {
      task.group?.ready.add(task);
      const entry = entryOf(task);
      this.#ready.push(entry);
      if (this.#due !== null) this.#noteDue(this.#due, entry);
    } else if (state === 'scheduled') {
      this.#scheduled.push(entryOf(task));
    }
  }

  #noteDue(due: Heap<Entry>, entry: Entry): void {
    if (due.size > 2 * this.counts.ready + FORGOTTEN) this.#due = null;
    else due.push(entry);
  }

  /** When the task ready longest became due. */
  oldestReadyAt(): number | null {
    if (this.#due === null) {
      this.#due = new Heap<Entry>(dueBefore);
      for (const entry of this.#ready) {
        if (entry.ticket === entry.task.ticket) this.#due.push(entry);
      }
    }
    return current(this.#due)?.runAt ?? null;
  }

  /** Counts a task that was not of this queue yet. It is moved next. */
  enter(task: MemoryTask): void {
    this.counts[task.state]++;
  }

  /** Forgets a task. */
  leave(task: MemoryTask): void {
    this.#leave(task);
  }

  #leave(task: MemoryTask): void {
    const { state } = task;
    this.counts[state]--;
    task.ticket++;
    if (task.blockedBy !== null) {
      task.blockedBy = null;
      this.blocked--;
    }
    if (state === 'ready') task.group?.ready.delete(task);
    else if (state === 'leased' && this.concurrency !== null && this.counts.ready > 0) this.wake();
  }

  /** Puts a task that waits for nothing but its time and its group where it belongs. */
  arrive(task: MemoryTask, now: number): void {
    const { group } = task;
    if (task.runAt > now) {
      this.move(task, 'scheduled');
    } else if (group === null || task.slot) {
      this.move(task, 'ready');
      // It comes back with the slot it had: its claim counted, or the limit was lowered, and there may be no room for it.
      if (group !== null && (group.rate !== null || group.space() < 0)) this.rebalance(group, now);
    } else {
      this.move(task, 'scheduled', 'group');
      this.admit(group, now);
    }
  }

  /** Gives free slots of a group to the tasks that wait for one. */
  admit(group: MemoryGroup, now: number): void {
    let admitted = false;
    while (group.space() > 0) {
      const task = current(group.backlog);
      if (task === undefined) break;
      if (group.allowance(now) <= 0) {
        this.#reopenLater(group);
        break;
      }
      group.backlog.pop();
      this.#takeSlot(task, group);
      this.move(task, 'ready');
      admitted = true;
    }
    if (admitted) this.wake();
  }

  #takeSlot(task: MemoryTask, group: MemoryGroup): void {
    task.slot = true;
    group.held++;
  }

  #reopenLater(group: MemoryGroup): void {
    const at = group.rate?.nextFree() ?? null;
    if (at === null || group.reopenAt !== null) return;
    group.reopenAt = at;
    this.#reopening.push({ at, group });
  }

  /** Ends a task's hold on a slot, which the next may have. */
  freeSlot(task: MemoryTask, now: number): void {
    const { group } = task;
    if (!task.slot || group === null) return;
    task.slot = false;
    group.held--;
    this.admit(group, now);
  }

  /** Whether a task of this priority may come here. */
  takes(priority: number): boolean {
    const { priorities } = this;
    return priorities === null || (priority >= priorities.min && priority <= priorities.max);
  }

  /** A live task joins its group and gets its tag. */
  join(task: MemoryTask, now: number, enqueued: boolean): void {
    const wanted = task.task.group;
    if (wanted === undefined) {
      task.tag = this.vtime;
      return;
    }
    let group = this.#groups.get(wanted.key);
    const isNew = group === undefined;
    if (group === undefined) {
      group = new MemoryGroup(wanted.key);
      group.setLimits(this.#limitsOf(wanted.key));
      this.#groups.set(wanted.key, group);
    }
    group.live++;
    task.group = group;
    const weight = wanted.weight ?? group.limits?.weight ?? 1;
    task.tag = Math.max(this.vtime, group.last) + 1 / weight;
    group.last = task.tag;
    if (!(enqueued || isNew) || group.strict === wanted.strict) return;
    group.strict = wanted.strict;
    this.rebalance(group, now);
  }

  /** A task is live in its group no more. It keeps a slot it was not told to free. */
  part(task: MemoryTask, now: number): void {
    const { group } = task;
    if (group === null) return;
    group.live--;
    if (group.live === 0) group.last = 0;
    if (!task.slot) task.group = null;
    this.forget(group, now);
  }

  /** Drops a group of which nothing is left. */
  forget(group: MemoryGroup, now: number): void {
    if (group.isIdle(now) && this.#groups.get(group.key) === group) this.#groups.delete(group.key);
  }

  /** Drops what is left of groups whose claims count no more. */
  prune(now: number): void {
    for (const group of this.#groups.values()) this.forget(group, now);
  }

  /** Makes what is due ready and looks again at groups whose rate has room. */
  promote(now: number): void {
    for (
      let task = this.#nextScheduled();
      task !== undefined && task.runAt <= now;
      task = this.#nextScheduled()
    ) {
      this.arrive(task, now);
    }
    for (let next = this.#nextReopening(); next !== undefined && next.at <= now; ) {
      this.#reopening.pop();
      next.group.reopenAt = null;
      this.admit(next.group, now);
      next = this.#nextReopening();
    }
  }

  /** The next group to look at again, once those that have no rate any more are dropped. */
  #nextReopening(): { at: number; group: MemoryGroup } | undefined {
    for (;;) {
      const next = this.#reopening.peek();
      if (next === undefined || next.group.reopenAt === next.at) return next;
      this.#reopening.pop();
    }
  }

  #nextScheduled(): MemoryTask | undefined {
    return current(this.#scheduled);
  }

  /** The next task to claim, if the queue's limits let it go. */
  claimable(now: number): MemoryTask | undefined {
    if (this.concurrency !== null && this.counts.leased >= this.concurrency) return undefined;
    if (this.#rate !== null && this.#rate.used(now) >= this.#rate.max) return undefined;
    return current(this.#ready);
  }

  /** A task is claimed. */
  claimed(task: MemoryTask, now: number): void {
    this.move(task, 'leased');
    if (task.tag > this.vtime) this.vtime = task.tag;
    this.#rate?.note(now);
    const { group } = task;
    if (group === null || group.rate === null) return;
    group.rate.note(now);
    this.admit(group, now); // none has room now, but from here on it is known when
  }

  /** Whether a lapsed lease may be extended. */
  hasRoomToExtend(): boolean {
    return this.concurrency === null || this.counts.leased < this.concurrency;
  }

  /** When time alone may bring something. */
  nextDueAt(now: number): number | null {
    const times: (number | null | undefined)[] = [
      this.#nextScheduled()?.runAt,
      this.#nextReopening()?.at,
    ];
    const full = this.#rate !== null && this.#rate.used(now) >= this.#rate.max;
    if (full && this.counts.ready > 0) times.push(this.#rate?.nextFree());
    return times.reduce<number | null>(
      (least, at) => (at != null && (least === null || at < least) ? at : least),
      null,
    );
  }

  /** Changes limits. A group over its new ones gets its ready tasks blocked, the last first. */
  setLimits(patch: QueuePatch, now: number): void {
    if (patch.concurrency !== undefined) this.concurrency = patch.concurrency;
    if (patch.priorities !== undefined) this.priorities = patch.priorities;
    if (patch.rate !== undefined) {
      this.#rateLimit = patch.rate;
      this.#rate = RateWindow.next(this.#rate, patch.rate);
    }
    if (patch.groupDefaults !== undefined) this.#groupDefaults = patch.groupDefaults;
    for (const [key, limits] of Object.entries(patch.groups ?? {})) {
      if (limits === null) this.#groupLimits.delete(key);
      else this.#groupLimits.set(key, limits);
    }
    if (patch.groupDefaults === undefined && patch.groups === undefined) return;
    for (const group of this.#groups.values()) {
      group.setLimits(this.#limitsOf(group.key));
      this.rebalance(group, now);
    }
  }

  /**
   * Takes slots back that are too many, and gives those that are free. A task whose lease lapsed keeps its slot, for its
   * handler may run still: it waits until the rate may have room.
   */
  rebalance(group: MemoryGroup, now: number): void {
    let over = -group.space();
    let overRate = -group.allowance(now);
    if (over > 0 || overRate > 0) {
      const order = [...group.ready].map(entryOf).sort((a, b) => (claimedBefore(a, b) ? 1 : -1));
      for (const { task } of order) {
        if (over <= 0 && overRate <= 0) break;
        if (task.holder === null) {
          over--;
          overRate--;
          task.slot = false;
          group.held--;
          this.move(task, 'scheduled', 'group');
        } else if (overRate > 0) {
          overRate--;
          task.runAt = group.rate?.freeAt(now) ?? now;
          this.move(task, 'scheduled');
        }
      }
    }
    this.admit(group, now);
  }

  #limitsOf(key: string): GroupLimits | null {
    return this.#groupLimits.get(key) ?? this.#groupDefaults;
  }

  /** The limits as they were set, undefined where there are none. */
  limits(): QueueLimits | undefined {
    const limits = {
      concurrency: this.concurrency,
      rate: this.#rateLimit,
      priorities: this.priorities,
      groupDefaults: this.#groupDefaults,
    };
    const none = Object.values(limits).every((limit) => limit === null);
    if (none && this.#groupLimits.size === 0) return undefined;
    return { ...limits, groups: Object.fromEntries(this.#groupLimits) };
  }
}
