import type { ClaimedTask } from '../store.js';
import { Attempt } from './attempt.js';
import type { WorkerSettings } from './options.js';
import type { PendingSettlement } from './report.js';
import type { Runners } from './runners.js';
import type { Slots } from './slots.js';
import { Timers } from './timers.js';

const UNKNOWN_TASK_DELAY_MS = 5_000;
/** Each is told of once; names can be made up without end, and so many are enough to see what is wrong. */
const MAX_UNKNOWN_TOLD = 100;
/** A task claimed ahead that has not been started by then goes back, for whoever is quicker. */
const HAND_BACK_MS = 200;

/** What {@link Intake} needs of its worker. */
export interface IntakeHost {
  /** Whether tasks may be started. */
  isRunning(): boolean;
  settle(pending: PendingSettlement): void;
  /** There is something to settle. */
  kick(): void;
}

/** Takes claimed tasks in, and hands back those that cannot be run here, or not soon. */
export class Intake {
  readonly #settings: WorkerSettings;
  readonly #runners: Runners;
  readonly #slots: Slots;
  readonly #timers: Timers<'handBack'>;
  readonly #host: IntakeHost;
  readonly #unknown = new Set<string>();
  #handBackSet = false;

  constructor(settings: WorkerSettings, runners: Runners, slots: Slots, host: IntakeHost) {
    this.#settings = settings;
    this.#runners = runners;
    this.#slots = slots;
    this.#host = host;
    this.#timers = new Timers(settings.clock);
  }

  /**
   * Puts claims in line whose leases had not begun at a time of the worker's clock. `storeNow` is the time by the store's
   * clock; undefined for tasks that came as they were enqueued.
   */
  take(claimed: readonly ClaimedTask[], leasedAt: number, storeNow?: number): void {
    const now = this.#settings.clock.now();
    for (const task of claimed) this.#begin(task, leasedAt, now, storeNow ?? task.runAt);
  }

  /** Starts what is in line, as far as there are slots. */
  start(): void {
    this.#slots.pump();
    if (this.#slots.waiting > 0) this.#handBackLater(HAND_BACK_MS);
  }

  /** Hands a task back; it costs no attempt. */
  release(task: ClaimedTask, delayMs: number): void {
    const { id, epoch } = task;
    const settlement = { id, epoch, outcome: 'released', when: { delayMs } } as const;
    this.#host.settle({ task, settlement, durationMs: 0, unsure: false, completedIn: false });
  }

  /** Clears timers. */
  close(): void {
    this.#timers.close();
  }

  #begin(task: ClaimedTask, leasedAt: number, now: number, storeNow: number): void {
    const runner = this.#runners.of(task);
    if (runner === undefined) {
      this.#warnUnknown(task);
      this.release(task, UNKNOWN_TASK_DELAY_MS);
    } else if (!this.#host.isRunning()) {
      this.release(task, 0);
    } else {
      this.#slots.add(new Attempt(task, runner, leasedAt, now, storeNow - task.runAt));
    }
  }

  #warnUnknown({ id, name, queue }: ClaimedTask): void {
    if (this.#unknown.has(name) || this.#unknown.size >= MAX_UNKNOWN_TOLD) return;
    this.#unknown.add(name);
    const fields = { module: 'queue', queue, task_id: id, name };
    this.#settings.logger.warn(fields, 'no handler here for this task: handing it back');
  }

  #handBackLater(ms: number): void {
    if (this.#handBackSet) return;
    this.#handBackSet = true;
    this.#timers.set('handBack', ms, () => {
      this.#handBackSet = false;
      if (this.#slots.handBack(this.#settings.clock.now() - HAND_BACK_MS)) this.#host.kick();
      if (this.#slots.waiting > 0) this.#handBackLater(HAND_BACK_MS / 4);
    });
  }
}
