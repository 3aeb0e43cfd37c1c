import type { Clock, ClockTimer } from '../clock.js';
import { QueueError } from '../errors.js';
import type { ClaimedTask } from '../store.js';

/** Why an attempt was told to stop. */
export type StopReason = 'lost' | 'timeout' | 'closed';

const STOP_ERRORS: Readonly<Record<StopReason, (task: ClaimedTask) => QueueError>> = {
  lost: (task) =>
    new QueueError('QUEUE_LEASE_LOST', `Task ${task.id} was taken over by another worker`),
  timeout: (task) =>
    new QueueError(
      'QUEUE_TASK_TIMEOUT',
      `Attempt ${task.attempt} of task ${task.id} ran out of time`,
    ),
  closed: (task) => new QueueError('QUEUE_CLOSED', `The worker closes while task ${task.id} runs`),
};

/** One claim being worked on: its signal, its time limit, and when its lease was last renewed. */
export class Attempt {
  readonly task: ClaimedTask;
  readonly startedAt: number;
  /** When the exchange that last renewed the lease was sent, by the worker's clock. */
  renewedAt: number;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #controller = new AbortController();
  readonly #timers: ClockTimer[] = [];
  #stopped: StopReason | undefined;
  #giveUp: () => void = () => undefined;
  /** Resolves when the handler did not end within the grace after its signal aborted. */
  readonly givenUp: Promise<'given up'>;

  constructor(task: ClaimedTask, clock: Clock, graceMs: number) {
    this.task = task;
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.startedAt = clock.now();
    this.renewedAt = this.startedAt;
    this.givenUp = new Promise((resolve) => {
      this.#giveUp = () => resolve('given up');
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why it was told to stop first, if it was. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Starts the time limit. */
  limit(timeoutMs: number): void {
    this.#timers.push(this.#clock.setTimeout(() => this.stop('timeout'), timeoutMs));
  }

  /** Aborts the signal; after the grace the attempt is given up. A lost lease overrides any other reason. */
  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) {
      if (reason === 'lost') this.#stopped = reason;
      return;
    }
    this.#stopped = reason;
    this.#timers.push(this.#clock.setTimeout(this.#giveUp, this.#graceMs));
    this.#controller.abort(STOP_ERRORS[reason](this.task));
  }

  /** Clears its timers. */
  end(): void {
    for (const timer of this.#timers) timer.clear();
  }
}
