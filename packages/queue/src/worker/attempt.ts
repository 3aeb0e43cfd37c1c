import type { Clock, ClockTimer } from '../clock.js';
import { QueueError } from '../errors.js';
import type { ClaimedTask, Settlement } from '../store.js';
import type { Runner } from './runners.js';
import type { Traced } from './tracing.js';

/**
 * Hears how the lease of an attempt is to be settled: undefined when that is not ours any more (lease lost), or not
 * safe to say (the worker closes and the handler still runs: the lease will run out).
 */
export type AttemptEnd = (attempt: Attempt, settlement: Settlement | undefined) => void;

/** Why an attempt was told to stop. */
export type StopReason = 'lost' | 'timeout' | 'closed' | 'cancelled';

const STOP_ERRORS: Readonly<Record<StopReason, (task: ClaimedTask) => QueueError>> = {
  lost: (task) =>
    new QueueError('QUEUE_LEASE_LOST', `Task ${task.id} was taken over by another worker`),
  timeout: (task) =>
    new QueueError(
      'QUEUE_TASK_TIMEOUT',
      `Attempt ${task.attempt} of task ${task.id} ran out of time`,
    ),
  cancelled: (task) => new QueueError('QUEUE_TASK_CANCELLED', `Task ${task.id} was cancelled`),
  closed: (task) => new QueueError('QUEUE_CLOSED', `The worker closes while task ${task.id} runs`),
};

/** One claim: waiting for its handler to start, being worked on, or on its way to be settled. */
export class Attempt {
  readonly task: ClaimedTask;
  readonly runner: Runner;
  /** For how long it had been due when it came. */
  readonly lateMs: number;
  /** When it came; then when its handler was started. By the worker's clock. */
  startedAt: number;
  /** When the exchange that last renewed the lease was sent, by the worker's clock. */
  renewedAt: number;
  /** What its handler reported and the store does not know yet, as JSON. */
  progress: string | undefined = undefined;
  /** Whether it was completed in a transaction of the handler's. */
  completedIn = false;
  /** Its span, where it has one of its own. */
  traced: Traced | undefined = undefined;
  /** How it was settled, once it has ended and that is known. */
  outcome: Settlement['outcome'] | undefined = undefined;
  /** Is called once, when the attempt has ended: see {@link AttemptEnd}. */
  done: AttemptEnd = () => undefined;
  #controller: AbortController | undefined = undefined;
  #stopped: StopReason | undefined = undefined;
  #grace: ClockTimer | undefined = undefined;
  #ended = false;

  constructor(task: ClaimedTask, runner: Runner, sentAt: number, now: number, lateMs: number) {
    this.task = task;
    this.runner = runner;
    this.lateMs = lateMs;
    this.renewedAt = sentAt;
    this.startedAt = now;
  }

  /** Made when it is first asked for: an AbortController costs more than all the rest of an attempt. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#stopped !== undefined) this.#abort(this.#stopped);
    return this.#controller.signal;
  }

  /** Why it was told to stop first, if it was. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Whether its handler ended or was given up. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Aborts the signal; after the grace `giveUp` is called. A lost lease overrides any other reason.
   */
  stop(
    reason: StopReason,
    clock: Clock,
    graceMs: number,
    giveUp: (attempt: Attempt) => void,
  ): void {
    if (this.#ended) return;
    if (this.#stopped !== undefined) {
      if (reason === 'lost') this.#stopped = reason;
      return;
    }
    this.#stopped = reason;
    this.#grace = clock.setTimeout(() => giveUp(this), graceMs);
    this.#abort(reason);
  }

  #abort(reason: StopReason): void {
    const controller = this.#controller;
    if (controller === undefined || controller.signal.aborted) return;
    controller.abort(STOP_ERRORS[reason](this.task));
  }

  /** The error that its signal aborted with, or would have. */
  stopError(): unknown {
    return this.signal.reason;
  }

  /** Nothing more happens to it. */
  end(): void {
    this.#ended = true;
    this.#grace?.clear();
  }
}
