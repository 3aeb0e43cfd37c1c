/**
 * What a store tells of, across processes. `task.lapsed`: a lease ran out. `task.removed`: by an operator, not because
 * its time was over. `queue.changed`: its limits. `queue.cleaned`: an operator deleted finished tasks, `count` of them.
 * `queue.drained`: the last live task ended. `schedule.changed`: made, or put again as another.
 */
export type StoredEventType =
  | 'task.added'
  | 'task.started'
  | 'task.progress'
  | 'task.completed'
  | 'task.failed'
  | 'task.dead'
  | 'task.lapsed'
  | 'task.released'
  | 'task.cancelled'
  | 'task.redriven'
  | 'task.promoted'
  | 'task.reprioritised'
  | 'task.moved'
  | 'task.removed'
  | 'queue.paused'
  | 'queue.resumed'
  | 'queue.changed'
  | 'queue.cleaned'
  | 'queue.drained'
  | 'schedule.fired'
  | 'schedule.changed'
  | 'schedule.paused'
  | 'schedule.resumed'
  | 'schedule.removed';

/** An event as it is kept. */
export interface StoredEvent {
  /** Opaque; grows. */
  readonly cursor: string;
  /** By the store's clock. */
  readonly at: number;
  readonly type: StoredEventType;
  readonly queue: string;
  /** Id of the task or of the schedule, or the queue's name. */
  readonly subject: string;
  /** Name of the task; absent for events of queues and schedules. */
  readonly name?: string;
  /** The epoch of the lease it is about, where there is one. */
  readonly epoch?: number;
  /** JSON of `task.progress`. */
  readonly progress?: string;
  /** Who did it, where an operator did and said so. */
  readonly by?: string;
  /** Why, where an operator did it and said so. */
  readonly reason?: string;
  /** Of `task.moved`: the queue it left. */
  readonly from?: string;
  /** Of `queue.cleaned`: how many tasks. */
  readonly count?: number;
}

/** Which events. */
export interface EventsRequest {
  /**
   * Those after this cursor; `latest`: only what comes from now on. A cursor that is of another store, or ahead of this
   * one since it lost what came last, begins at the oldest kept, and the page has a `gap`.
   * @defaultValue from the oldest kept
   */
  readonly after?: string;
  readonly queues?: readonly string[];
  readonly types?: readonly StoredEventType[];
  readonly limit: number;
  /** Waits this long at most, by the process's clock, for a first one. */
  readonly waitMs: number;
}

/** A page of events, in the order they happened. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** Where to go on, events or none. */
  readonly cursor: string;
  /** Whether events between `after` and the first of this page were dropped already, or may have been. */
  readonly gap: boolean;
}
