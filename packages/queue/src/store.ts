/*
 * Terminology
 *
 * task      one piece of work, named after its definition, with a payload.
 * live      still to be done: `ready` (may be claimed), `scheduled` (waits) or `leased` (being worked on).
 * blocked   `scheduled`, but not for a time: it waits for its children, or is due and waits for a slot of its group.
 * finished  `completed`, `dead` (failed for good: a dead letter) or `cancelled`.
 * claim     taking a ready task under a lease; it gets the next epoch.
 * epoch     how often the task was claimed. A lease is named by (id, epoch) and its worker; nothing else settles or
 *           extends it. That is the fence: whoever was overtaken holds an older epoch.
 * attempt   a claim that counts against `maxAttempts`. A claim that was handed back does not count.
 * lease     the right to work on a task until a deadline by the store's clock.
 * lapsed    the deadline passed with no word from the holder. The task is ready again, once the rate of its group has room,
 *           and its holder may still settle or extend until somebody else claims it.
 * settle    ending a lease: completed, to be retried, dead, or released (handed back).
 * sweep     what any process does now and then: lapse leases, fire schedules, drop what is past its retention. Needs no
 *           leader.
 * group     tasks of one queue that share limits and a fair share of it.
 * tag       a task's place in the fair order, given when it is enqueued: `max(vtime, last tag of its group) + 1/weight`,
 *           where `vtime` is the largest tag claimed from the queue so far (self-clocked fair queueing, Golestani 1994:
 *           unlike start-time tags, a group without live tasks can be forgotten with its tag). A task without a group
 *           gets `vtime` itself. Ready tasks are claimed by (priority, tag, arrival): one ordered range, whatever the
 *           number of groups.
 * slot      what a task of a limited group holds while it is ready or leased; in a strict group also while it waits for
 *           its retry, and, where failure blocks, while it is dead.
 * admit     giving free slots to blocked tasks of a group, by (priority, tag, arrival): whenever a slot becomes free, a
 *           limit is raised, or the rate has room again.
 */
import type { EventPage, EventsRequest } from './contract/event.js';
import type {
  ClaimedTask,
  ExchangeReply,
  ExchangeRequest,
  LeaseRef,
  SweepReport,
} from './contract/exchange.js';
import type {
  Alteration,
  Edit,
  QueueMinute,
  QueuePage,
  QueuePatch,
  QueueStats,
} from './contract/queue.js';
import type {
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
} from './contract/schedule.js';
import type {
  EnqueueOutcome,
  NewTask,
  PageRequest,
  TaskFilter,
  TaskRecord,
} from './contract/task.js';

export type {
  EventPage,
  EventsRequest,
  StoredEvent,
  StoredEventType,
} from './contract/event.js';
export type {
  ClaimedTask,
  ExchangeReply,
  ExchangeRequest,
  Extension,
  LeaseRef,
  Settlement,
  SweepReport,
} from './contract/exchange.js';
export type {
  Alteration,
  AlterationBase,
  Cancel,
  Clean,
  Edit,
  GroupLimits,
  Move,
  PriorityRange,
  Promote,
  QueueLimits,
  QueueMinute,
  QueuePage,
  QueuePatch,
  QueueStats,
  RateLimit,
  Redrive,
  Remove,
  Reprioritise,
} from './contract/queue.js';
export type {
  MissedRuns,
  NewSchedule,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
  ScheduleTiming,
} from './contract/schedule.js';
export type {
  EnqueueOutcome,
  HistoryEntry,
  HistoryKind,
  NewTask,
  PageRequest,
  TaskFilter,
  TaskGroup,
  TaskKey,
  TaskRecord,
  TaskState,
  WaitFor,
  When,
} from './contract/task.js';

/**
 * What a store can do beyond enqueueing, leases and dead letters. What is asked of a store without the feature is
 * refused with `QUEUE_UNSUPPORTED`.
 *
 * - `dedup`: keys with a mode other than `ignore`, and keys freed on failure or when their task starts.
 * - `limits`: concurrency, rate and range of priorities of a queue.
 * - `groups`: fair shares, limits of groups, strict order.
 * - `flows`: parents that wait for children.
 * - `schedules`: `schedule` and `schedules`.
 * - `cancel`: cancelling leased tasks.
 * - `redrive`: redriving with another payload or spread in time.
 * - `filters`: the later fields of `TaskFilter`.
 * - `edits`: `edit`: promote and reprioritise; with `move` also taking tasks to another queue.
 * - `progress`: reports of running handlers.
 * - `events`: `events`.
 * - `metrics`: `minutes`.
 * - `completeIn`: `complete` in the caller's transaction.
 * - `handover`: `onHandover`, and parked workers.
 */
export type StoreFeature =
  | 'dedup'
  | 'limits'
  | 'groups'
  | 'flows'
  | 'schedules'
  | 'cancel'
  | 'redrive'
  | 'filters'
  | 'edits'
  | 'move'
  | 'progress'
  | 'events'
  | 'metrics'
  | 'completeIn'
  | 'handover';

/** What a store promises. */
export interface StoreTraits {
  /** What an acknowledged enqueue survives: nothing, the death of the process, or the death of the machine. */
  readonly durable: 'none' | 'async' | 'commit';
  /** Whether `enqueue` takes the caller's transaction. */
  readonly transactional: boolean;
  /** Whether `onWake` hears of tasks that other processes enqueue. */
  readonly push: boolean;
  /** @defaultValue none */
  readonly features?: readonly StoreFeature[];
}

/**
 * Where tasks live. Every operation works on a batch, is atomic, and takes its time from the store's own clock.
 * `Tx` is the type of transaction that `enqueue` can join; `never` where there is none. Optional operations belong to a
 * {@link StoreFeature}.
 */
export interface QueueStore<Tx = never> extends AsyncDisposable {
  /** What it is called in logs and metrics, such as `memory` or `postgres`. */
  readonly name: string;
  readonly traits: StoreTraits;
  /** Makes or updates what the store needs. Idempotent, safe to call from many processes at once. */
  migrate(): Promise<void>;
  /** Adds all tasks or, when it throws (an id is taken), none. With `tx` they exist, and wake workers, once it commits. */
  enqueue(
    tasks: readonly NewTask[],
    options?: { readonly tx?: Tx | undefined },
  ): Promise<EnqueueOutcome[]>;
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;
  /**
   * Completes leases of a worker in the caller's transaction. A stale one is not completed; the caller rolls back.
   * Feature `completeIn`.
   */
  complete?(
    worker: string,
    leases: readonly (LeaseRef & { readonly result: string | null })[],
    options: { readonly tx: Tx },
  ): Promise<('ok' | 'stale')[]>;
  /** Calls `wake` when a queue may have something new. A hint: may be lost, may be for nothing. */
  onWake(queues: readonly string[], wake: (queue: string) => void): Promise<AsyncDisposable>;
  /**
   * Calls `take` with tasks that an enqueue leased to this worker while it was parked. What does not arrive comes with
   * the reply to the worker's next exchange; a claim is given once. Feature `handover`.
   */
  onHandover?(
    worker: string,
    take: (claimed: readonly ClaimedTask[]) => void,
  ): Promise<AsyncDisposable>;
  /** Works off at most `limit` of each kind. Every due schedule fires once, however many processes sweep. */
  sweep(limit: number): Promise<SweepReport>;
  find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]>;
  /** Of the queues named, of a page of them, or of all that have a task or a setting, by name. */
  stats(queues?: readonly string[] | QueuePage): Promise<QueueStats[]>;
  /** Changes at most `limit` tasks that the filter matches and the change fits, oldest first; returns their ids. */
  alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]>;
  /** As `alter`. Feature `edits`. */
  edit?(filter: TaskFilter, change: Edit, limit: number): Promise<string[]>;
  control(queue: string, patch: QueuePatch): Promise<void>;
  /** Changes schedules, all or none; for each the schedule as it is now, null where there is none. Feature `schedules`. */
  schedule?(ops: readonly ScheduleOp[]): Promise<(ScheduleRecord | null)[]>;
  /** By queue and id; all where no page is asked for. Feature `schedules`. */
  schedules?(filter: ScheduleFilter, page?: SchedulePage): Promise<ScheduleRecord[]>;
  /** What happened, in order, as far back as the store keeps it. Feature `events`. */
  events?(request: EventsRequest): Promise<EventPage>;
  /** The minutes that begin in [fromMs, toMs) and saw something, kept for a day at least. Feature `metrics`. */
  minutes?(queue: string, fromMs: number, toMs: number): Promise<QueueMinute[]>;
  /** Ends listening. The database or client it was given stays open. */
  close(): Promise<void>;
}
