import type { TaskState } from './task.js';

/**
 * At most `max` claims in any span of `windowMs`, in all processes together; a claim handed back counts too. Claims are
 * counted in slices of `ceil(windowMs / 20)` ms since 1970 by the store's clock; a slice counts until its end is
 * `windowMs` ago. So the limit holds at every sliding position, at the price of up to one slice of waiting, and a
 * store remembers 21 numbers whatever `max` is.
 */
export interface RateLimit {
  readonly max: number;
  readonly windowMs: number;
}

/**
 * Limits of one group, or of every group that has none of its own. A group that has reached them keeps its tasks
 * blocked (`scheduled`), out of the way of claims: at most `concurrency` of its tasks are ready or leased at any time, and its ready
 * tasks with its claims in the window are never more than `rate.max`. A task whose lease lapsed waits for the rate like
 * the others: it is `scheduled`, keeps its slot, and its worker may settle or extend it still.
 */
export interface GroupLimits {
  readonly concurrency?: number | null;
  readonly rate?: RateLimit | null;
  /** Used by tasks that say none, from the next enqueue on. */
  readonly weight?: number | null;
}

/** Which priorities a queue takes. 0, that of tasks which say none, is always among them. */
export interface PriorityRange {
  /** −32768 to 0. */
  readonly min: number;
  /** 0 to 32767. */
  readonly max: number;
}

/**
 * A change to a queue; what is absent stays, `null` takes a limit away. Everything but pausing needs feature `limits`;
 * `groupDefaults` and `groups` need feature `groups`.
 */
export interface QueuePatch extends AlterationBase {
  readonly paused?: boolean;
  /** Most tasks leased at once, in all processes. The extension of a lapsed lease counts as a claim here, and is `lost` when there is no room. */
  readonly concurrency?: number | null;
  readonly rate?: RateLimit | null;
  /**
   * An enqueue with another priority is refused with `QUEUE_PRIORITY_INVALID`; a reprioritise or a move leaves such
   * tasks alone. Tasks that are there already keep theirs, and the run of a schedule takes the nearest.
   */
  readonly priorities?: PriorityRange | null;
  /** Limits of groups that have none of their own; a group's own replace them as a whole. */
  readonly groupDefaults?: GroupLimits | null;
  /** By key; `null` removes a group's own limits. */
  readonly groups?: Readonly<Record<string, GroupLimits | null>>;
}

/** Settings of a queue beside pausing; absent or null where there are none. */
export interface QueueLimits {
  readonly concurrency: number | null;
  readonly rate: RateLimit | null;
  readonly priorities: PriorityRange | null;
  readonly groupDefaults: GroupLimits | null;
  readonly groups: Readonly<Record<string, GroupLimits>>;
}

/** Counts and settings of one queue; on Postgres counting takes time in proportion to what there is. */
export interface QueueStats {
  readonly queue: string;
  readonly paused: boolean;
  readonly pausedReason: string | null;
  readonly pausedBy: string | null;
  readonly counts: Readonly<Record<TaskState, number>>;
  /** When the task that has been ready longest became due. */
  readonly oldestReadyAt: number | null;
  /** The store's clock. */
  readonly now: number;
  /** How many of the `scheduled` are blocked; absent where none. */
  readonly blocked?: number;
  /** Present where the queue has any. */
  readonly limits?: QueueLimits;
}

/** A page of all queues that have a task or a setting, by name as the store orders text. */
export interface QueuePage {
  readonly limit: number;
  /** Starts after this name. */
  readonly after?: string;
}

/** Who changes something, and why: recorded in the event of it, and in the history of tasks. */
export interface AlterationBase {
  readonly by?: string;
  readonly reason?: string;
}

/** Makes dead letters ready again with all their attempts before them. */
export interface Redrive extends AlterationBase {
  readonly kind: 'redrive';
  /** In place of the payload they had. Needs feature `redrive`, as does the next. */
  readonly payload?: string;
  /** The n-th redriven (from 0) becomes due after n times this. @defaultValue 0 */
  readonly everyMs?: number;
}

/** Ends tasks that wait; with `running`, also asks leased ones to end. */
export interface Cancel extends AlterationBase {
  readonly kind: 'cancel';
  /**
   * Also leased tasks: they are marked, `extend` answers `cancel`, and however their lease ends they are `cancelled`.
   * Needs feature `cancel`.
   */
  readonly running?: true;
}

/** Deletes what is not leased, with its key. */
export interface Remove extends AlterationBase {
  readonly kind: 'remove';
}

/**
 * Deletes finished tasks with their keys, and tells of those of a queue by one `queue.cleaned`: a store that works in
 * steps by one for each step. So many deletions push no other event out of what is kept.
 */
export interface Clean extends AlterationBase {
  readonly kind: 'clean';
}

/** Makes scheduled tasks that are not blocked due now. */
export interface Promote extends AlterationBase {
  readonly kind: 'promote';
}

/**
 * Gives tasks that wait (ready, scheduled) another priority, where their queue takes it. Those that have it are left
 * alone, so that the same change again comes to the next ones.
 */
export interface Reprioritise extends AlterationBase {
  readonly kind: 'reprioritise';
  readonly priority: number;
}

/**
 * Takes ready, scheduled (not blocked) and dead tasks to another queue, where they arrive as if enqueued now; not those
 * that had children, or have a parent that is still kept, nor those whose key is taken or whose priority is not taken
 * there. Needs feature `move` too.
 */
export interface Move extends AlterationBase {
  readonly kind: 'move';
  readonly queue: string;
}

/**
 * A change to what becomes of tasks. A redrive leaves alone a dead letter whose key another task has taken over: there are never two
 * live tasks with one key. A redriven parent waits for those of its children that are live.
 */
export type Alteration = Redrive | Cancel | Remove | Clean;

/** A change to where waiting tasks stand: feature `edits`. */
export type Edit = Promote | Reprioritise | Move;

/** One minute of a queue: feature `metrics`. A claim counts where it began, an ended lease where it ended. */
export interface QueueMinute {
  /** Its begin, milliseconds since 1970, by the store's clock. */
  readonly at: number;
  readonly added: number;
  readonly started: number;
  readonly completed: number;
  /** Attempts that failed and will be repeated, lapsed ones among them. */
  readonly failed: number;
  readonly dead: number;
  /** From due to claimed, of all claims together. */
  readonly waitMs: number;
  readonly waitMaxMs: number;
  /** From claimed to ended, of all completed, failed and dead attempts together. */
  readonly runMs: number;
  readonly runMaxMs: number;
}
