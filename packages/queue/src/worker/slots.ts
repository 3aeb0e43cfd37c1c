import type { ClaimedTask, Settlement } from '../store.js';
import type { Attempt, StopReason } from './attempt.js';
import { Backlog } from './backlog.js';
import { Deadlines } from './deadlines.js';
import { isBatchHandler } from './handlers.js';
import type { WorkerSettings } from './options.js';
import { failureType, giveUp } from './outcome.js';
import { HELPING, Prefetch } from './prefetch.js';
import { reportStarted } from './report.js';
import { runAttempt } from './run-attempt.js';
import { runBatch } from './run-batch.js';
import type { SlotSize } from './slot-size.js';
import type { Turn } from './turn.js';

/** Most tasks that wait in the process, whatever the size of batches. */
const MAX_WAITING = 4 * HELPING;
/** Most tasks of one claim. */
const MAX_CLAIM = 1_000;

/** Where {@link Slots} tells what happens. */
export interface SlotsHost {
  /** An attempt ended; see `AttemptEnd`. */
  ended(attempt: Attempt, settlement: Settlement | undefined, durationMs: number): void;
  /** A task goes back to the store without having been started. */
  unstarted(task: ClaimedTask): void;
  /** Slots may have become free, and outcomes wait to be settled. */
  freed(): void;
}

/** The handlers that run, and the tasks that wait for one of their slots. */
export class Slots {
  readonly #settings: WorkerSettings;
  readonly #host: SlotsHost;
  readonly #turn: Turn;
  readonly #backlog = new Backlog();
  readonly #running = new Map<string, Attempt>();
  readonly #deadlines: Deadlines;
  readonly #prefetch = new Prefetch();
  readonly #size: SlotSize;
  #limit: number;
  #used = 0;
  #peak = 0;
  #pumping = false;
  #open = true;

  constructor(
    settings: WorkerSettings,
    limit: number,
    size: SlotSize,
    turn: Turn,
    host: SlotsHost,
  ) {
    this.#settings = settings;
    this.#host = host;
    this.#turn = turn;
    this.#limit = limit;
    this.#size = size;
    this.#deadlines = new Deadlines(settings.clock, (attempt) => this.stop(attempt, 'timeout'));
  }

  /** Tasks whose handlers run. */
  get running(): number {
    return this.#running.size;
  }

  /** Tasks that wait for a slot. */
  get waiting(): number {
    return this.#backlog.size;
  }

  /** Handlers that may run at once. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.pump();
  }

  /** Most slots in use at once since this was last asked. */
  takePeak(): number {
    const peak = Math.max(this.#peak, this.#used);
    this.#peak = this.#used;
    return peak;
  }

  /** How many tasks could be started at once. */
  get free(): number {
    if (!this.#open) return 0;
    return Math.max(0, (this.#limit - this.#used) * this.#size.expected - this.#backlog.size);
  }

  /** How many tasks may be claimed now, beside those that were asked for and may still come. */
  room(asked: number): number {
    if (!this.#open) return 0;
    const size = this.#size.expected;
    const free = Math.max(0, this.#limit - this.#used) * size;
    const calls = this.#prefetch.ahead(this.#limit, this.#settings.clock.now());
    const ahead = Math.min(MAX_WAITING, calls * size);
    const coming = this.#backlog.size + asked;
    // Claims ahead come in few large helpings rather than one by one.
    if (free <= coming && free + ahead - coming < Math.min(HELPING, ahead / 2)) return 0;
    const most = Math.max(HELPING, Math.min(MAX_CLAIM, free));
    return Math.max(0, Math.min(most, free + ahead - coming));
  }

  /** Puts a claimed task in line; `pump` starts it. */
  add(attempt: Attempt): void {
    this.#backlog.push(attempt);
    const { handler } = attempt.runner;
    this.#size.note(isBatchHandler(handler) ? handler.batchSize : 1);
  }

  /** Starts what has a free slot. */
  pump(now: number = this.#settings.clock.now()): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // The clock is read once for each start, and not after the last.
    for (let at: number | undefined = now; this.#hasNext(); at = undefined) {
      if (!this.#startNext(at ?? this.#settings.clock.now())) break;
    }
    this.#pumping = false;
    this.#host.freed();
  }

  #hasNext(): boolean {
    return this.#open && this.#used < this.#limit && this.#backlog.size > 0;
  }

  /** Starts the next task. False when that is left to the next turn. */
  #startNext(now: number): boolean {
    if (this.#turn.isOver(now)) {
      this.#turn.next(() => this.pump());
      return false;
    }
    const attempt = this.#backlog.shift();
    // The process stood still for so long that another worker may have the task.
    if (attempt !== undefined && now - attempt.renewedAt >= this.#settings.leaseMs)
      this.#host.unstarted(attempt.task);
    else if (attempt !== undefined) this.#start(attempt, now);
    return true;
  }

  /** Tells an attempt to stop. */
  stop(attempt: Attempt, reason: StopReason): void {
    attempt.stop(reason, this.#settings.clock, this.#settings.abortGraceMs, giveUp);
  }

  /** Tells every attempt to stop. */
  stopAll(reason: StopReason): void {
    for (const attempt of [...this.#running.values()]) this.stop(attempt, reason);
  }

  /** Whether this is the run of its task that counts. */
  has(attempt: Attempt): boolean {
    return this.#running.get(attempt.task.id) === attempt;
  }

  /** Running attempts whose lease was not renewed for a third of it, or that have something to report. */
  due(): Attempt[] {
    const { clock, leaseMs } = this.#settings;
    const time = clock.now() - leaseMs / 3;
    const due: Attempt[] = [];
    for (const attempt of this.#running.values()) {
      const isDue = attempt.renewedAt <= time || attempt.progress !== undefined;
      if (isDue && attempt.stopped !== 'lost' && !attempt.completedIn) due.push(attempt);
    }
    return due;
  }

  /** Hands back what came by a time and still waits. Whether that was anything. */
  handBack(time: number): boolean {
    const old = this.#backlog.take(Number.POSITIVE_INFINITY, (a) => a.startedAt <= time);
    if (old.length > 0) this.#prefetch.reset();
    for (const { task } of old) this.#host.unstarted(task);
    return old.length > 0;
  }

  /** Starts nothing more and hands back what waits, until it is opened again. */
  shut(): void {
    this.#open = false;
    this.handBack(Number.POSITIVE_INFINITY);
  }

  /** Starts tasks again. */
  reopen(): void {
    this.#open = true;
  }

  /** Clears timers. */
  close(): void {
    this.#deadlines.close();
  }

  #start(first: Attempt, now: number): void {
    if (this.#used++ === 0) this.#prefetch.busy(now);
    if (this.#used > this.#peak) this.#peak = this.#used;
    const { handler } = first.runner;
    if (!isBatchHandler(handler)) {
      first.done = this.#endOfOne;
      this.#enter(first, now);
      runAttempt(first, handler);
      return;
    }
    const size = handler.batchSize - 1;
    const rest = this.#backlog.take(size, (attempt) => attempt.runner === first.runner);
    const attempts = [first, ...rest];
    let left = attempts.length;
    for (const attempt of attempts) {
      attempt.done = (ended, settlement) => {
        const at = this.#leave(ended, settlement);
        if (--left === 0) this.#free(at, at - now);
      };
      this.#enter(attempt, now);
    }
    void runBatch(attempts, handler);
  }

  #enter(attempt: Attempt, now: number): void {
    const { task, runner } = attempt;
    runner.latency?.waited(attempt.lateMs + now - attempt.startedAt);
    attempt.startedAt = now;
    const older = this.#running.get(task.id);
    // The store lost a claim of ours in a crash and gave it out again: the older run must not go on.
    if (older !== undefined) this.stop(older, 'lost');
    this.#running.set(task.id, attempt);
    reportStarted(task, runner.internals);
    if (runner.timeoutMs !== undefined) this.#deadlines.add(attempt, runner.timeoutMs);
  }

  readonly #endOfOne = (attempt: Attempt, settlement: Settlement | undefined): void => {
    const now = this.#leave(attempt, settlement);
    this.#free(now, now - attempt.startedAt);
  };

  #leave(attempt: Attempt, settlement: Settlement | undefined): number {
    const now = this.#settings.clock.now();
    const { task, runner } = attempt;
    if (this.#running.get(task.id) === attempt) this.#running.delete(task.id);
    if (runner.timeoutMs !== undefined) this.#deadlines.delete(attempt, runner.timeoutMs);
    const durationMs = Math.max(0, now - attempt.startedAt);
    runner.latency?.ran(durationMs, failureType(attempt, settlement));
    this.#host.ended(attempt, settlement, durationMs);
    return now;
  }

  #free(now: number, durationMs: number): void {
    if (--this.#used === 0) this.#prefetch.idle(now);
    this.#prefetch.ended(Math.max(0, durationMs));
    this.pump(now);
  }
}
