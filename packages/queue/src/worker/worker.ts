import type { Duration } from '../duration.js';
import { QueueError } from '../errors.js';
import type { HealthReport } from '../health.js';
import { durationOption, invalidOption, knownOptions } from '../options.js';
import type { ClaimedTask, ExchangeReply, QueueStore } from '../store.js';
import { uuidv7 } from '../uuid.js';
import { Attempt } from './attempt.js';
import { type ExchangeHost, Exchanger } from './exchanger.js';
import { type AnyHandler, isBatchHandler } from './handlers.js';
import { Idle } from './idle.js';
import { type WorkerOptions, type WorkerSettings, workerSettings } from './options.js';
import { reportLost, reportSettled } from './report.js';
import { Runners } from './runners.js';
import { Slots, type SlotsHost } from './slots.js';
import { sweepOnce } from './sweep.js';
import { Timers } from './timers.js';
import { Turn } from './turn.js';
import type { AnyQueue, WorkerCloseReport, WorkerStats } from './types.js';

const UNKNOWN_TASK_DELAY_MS = 5_000;
const FLUSH_MS = 2_000;
const UNHEALTHY_AFTER_MS = 30_000;
/** A task claimed ahead that has not been started by then goes back, for whoever is quicker. */
const HAND_BACK_MS = 200;

/** Runs handlers for the tasks of one or more queues of one store, made by {@link createWorker}. */
export class Worker implements AsyncDisposable {
  /** Unique to this object; part of the fence of its leases. */
  readonly id: string = uuidv7();
  readonly #settings: WorkerSettings;
  readonly #store: Omit<QueueStore, 'enqueue'>;
  readonly #queues: ReadonlyMap<string, AnyQueue>;
  readonly #runners: Runners;
  readonly #unknown = new Set<string>();
  readonly #timers: Timers<'poll' | 'heartbeat' | 'sweep' | 'handBack'>;
  readonly #slots: Slots;
  readonly #exchanger: Exchanger;
  readonly #idle: Idle;
  #order: readonly string[];
  #state: WorkerStats['state'] = 'new';
  #handBackSet = false;
  #abandoned = 0;
  #wake: AsyncDisposable | undefined;
  #closing: Promise<WorkerCloseReport> | undefined;

  constructor(
    queues: readonly AnyQueue[],
    handlers: readonly AnyHandler[],
    options?: WorkerOptions,
  ) {
    this.#settings = workerSettings(options);
    const [first] = queues;
    if (first === undefined) throw invalidOption('queues', 'at least one queue', queues);
    for (const queue of queues) {
      if (queue.store !== first.store)
        throw invalidOption('queues', 'queues of one store', queue.name);
    }
    this.#store = first.store;
    this.#queues = new Map(queues.map((queue) => [queue.name, queue]));
    this.#order = [...this.#queues.keys()];
    this.#runners = new Runners(this.#queues.values(), handlers, this.id, this.#settings);
    this.#timers = new Timers(this.#settings.clock);
    this.#idle = new Idle(this.#settings.clock, () => this.#isIdle());
    const turn = new Turn();
    const sizes = handlers.map((handler) => (isBatchHandler(handler) ? handler.batchSize : 1));
    const [settings, start] = [this.#settings, this.#settings.concurrency.min];
    this.#slots = new Slots(settings, start, Math.max(1, ...sizes), turn, this.#slotsHost());
    this.#exchanger = new Exchanger(this.#store, this.id, settings, turn, this.#exchangeHost());
  }

  /**
   * Starts claiming. Migrates the store first.
   * @throws QueueError `QUEUE_CLOSED`, or what the store throws when it cannot be reached
   */
  async start(): Promise<void> {
    if (this.#state === 'running' || this.#state === 'paused') return;
    if (this.#state !== 'new') throw new QueueError('QUEUE_CLOSED', 'The worker is closed');
    this.#state = 'running';
    try {
      await this.#store.migrate();
      this.#wake = await this.#store.onWake(this.#order, () => this.#exchanger.look());
    } catch (error) {
      if (!this.#isClosing()) this.#state = 'new';
      throw error;
    }
    if (this.#isClosing()) {
      await this.#stopListening();
      throw new QueueError('QUEUE_CLOSED', 'The worker was closed while it started');
    }
    this.#beat();
    this.#timers.set('sweep', 0, () => void this.#sweep());
    this.#exchanger.look();
  }

  /** Starts and claims nothing more until `resume()`. What runs goes on and is settled. */
  pause(): void {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    this.#slots.shut();
    this.#exchanger.kick();
  }

  /** Goes on after `pause()`. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#slots.reopen();
    this.#exchanger.look();
  }

  /**
   * Stops claiming, hands back what has not been started, waits for running handlers until the deadline, then aborts
   * their signals (a handler that ends by that costs its task no attempt). Always resolves, at most about
   * `abortGrace` plus 2 s after the deadline, even when the store is gone. Idempotent.
   */
  async close(options?: {
    /** @defaultValue `'10s'` */
    deadline?: Duration;
  }): Promise<WorkerCloseReport> {
    knownOptions('options', options, ['deadline']);
    const deadlineMs = durationOption('options.deadline', options?.deadline, 10_000);
    this.#closing ??= this.#shutdown(deadlineMs);
    return this.#closing;
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): WorkerStats {
    return {
      state: this.#state,
      running: this.#slots.running,
      waiting: this.#slots.waiting,
      concurrency: this.#slots.limit,
      unsettled: this.#exchanger.unsettled,
      exchanges: this.#exchanger.count,
      failing: this.#exchanger.failing,
    };
  }

  /** Healthy while it runs and the store answers; unhealthy when the store has not answered for 30 s. */
  async health(): Promise<HealthReport> {
    const details = { ...this.stats(), worker: this.id };
    if (this.#state !== 'running' && this.#state !== 'paused')
      return { status: 'unhealthy', details };
    if (this.#exchanger.failing === 0) return { status: 'healthy', details };
    const failingMs = this.#settings.clock.now() - this.#exchanger.failingSince;
    return { status: failingMs >= UNHEALTHY_AFTER_MS ? 'unhealthy' : 'degraded', details };
  }

  #isClosing(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  #slotsHost(): SlotsHost {
    return {
      ended: (attempt, settlement, durationMs) => {
        if (settlement !== undefined) this.#exchanger.settle(attempt.task, settlement, durationMs);
        else if (attempt.stopped === 'lost') reportLost(attempt.task, attempt.runner.internals);
        else this.#abandoned++;
      },
      unstarted: (task) => this.#release(task, 0),
      freed: () => {
        this.#exchanger.kick();
        this.#idle.check();
      },
    };
  }

  #exchangeHost(): ExchangeHost {
    return {
      room: () => (this.#state === 'running' ? this.#slots.room() : 0),
      occupied: () => this.#slots.waiting > 0,
      due: () => this.#dueLeases(),
      queues: () => this.#rotated(),
      settled: (pending, verdict) => {
        const internals = this.#queues.get(pending.task.queue)?.internals;
        if (internals) reportSettled(pending, verdict, internals, this.#settings.logger);
      },
      extended: (attempt, verdict, sentAt) => {
        if (verdict !== 'lost') attempt.renewedAt = sentAt;
        if (verdict === 'ok') return;
        // It may have ended while the exchange was in flight: then its settlement will tell.
        if (this.#slots.has(attempt))
          this.#slots.stop(attempt, verdict === 'cancel' ? 'cancelled' : 'lost');
      },
      claimed: (reply, limit, sentAt) => this.#claimed(reply, limit, sentAt),
      late: (claimed) => {
        for (const task of claimed) this.#release(task, 0);
        this.#exchanger.kick();
      },
      rested: () => this.#idle.check(),
    };
  }

  #claimed(reply: ExchangeReply, limit: number, sentAt: number): void {
    const now = this.#settings.clock.now();
    for (const task of reply.claimed) this.#begin(task, sentAt, now);
    this.#slots.pump();
    if (this.#slots.waiting > 0) this.#handBackLater(HAND_BACK_MS);
    if (reply.claimed.length >= limit) return;
    // Looks again when the next task is due, and after the poll interval in any case.
    const { nextDueAt } = reply;
    const dueMs =
      nextDueAt === null ? Number.POSITIVE_INFINITY : Math.max(1, nextDueAt - reply.now);
    const pollMs = Math.min(dueMs, this.#settings.pollMs);
    this.#timers.set('poll', pollMs, () => this.#exchanger.look());
  }

  #begin(task: ClaimedTask, sentAt: number, now: number): void {
    const runner = this.#runners.of(task);
    if (runner === undefined) {
      this.#warnUnknown(task);
      this.#release(task, UNKNOWN_TASK_DELAY_MS);
    } else if (this.#state !== 'running') {
      this.#release(task, 0);
    } else {
      this.#slots.add(new Attempt(task, runner, sentAt, now));
    }
  }

  #warnUnknown({ id, name, queue }: ClaimedTask): void {
    if (this.#unknown.has(name)) return;
    this.#unknown.add(name);
    const fields = { module: 'queue', queue, task_id: id, name };
    this.#settings.logger.warn(fields, 'no handler here for this task: handing it back');
  }

  /** Hands a task back; it costs no attempt. */
  #release(task: ClaimedTask, delayMs: number): void {
    const { id, epoch } = task;
    this.#exchanger.settle(task, { id, epoch, outcome: 'released', when: { delayMs } }, 0);
  }

  #handBackLater(ms: number): void {
    if (this.#handBackSet) return;
    this.#handBackSet = true;
    this.#timers.set('handBack', ms, () => {
      this.#handBackSet = false;
      if (this.#slots.handBack(this.#settings.clock.now() - HAND_BACK_MS)) this.#exchanger.kick();
      if (this.#slots.waiting > 0) this.#handBackLater(HAND_BACK_MS / 4);
    });
  }

  #rotated(): readonly string[] {
    const [first, ...rest] = this.#order;
    if (first !== undefined && rest.length > 0) this.#order = [...rest, first];
    return this.#order;
  }

  #dueLeases(): Attempt[] {
    const { clock, leaseMs } = this.#settings;
    return this.#slots.renewedBefore(clock.now() - leaseMs / 3);
  }

  #beat(): void {
    const { clock, leaseMs } = this.#settings;
    this.#timers.set('heartbeat', leaseMs / 6, () => {
      this.#exchanger.watch(clock.now());
      if (this.#dueLeases().length > 0) this.#exchanger.extend();
      this.#beat();
    });
  }

  async #sweep(): Promise<void> {
    const { sweepMs, logger } = this.#settings;
    await sweepOnce(this.#store, this.#queues, logger);
    // Jitter keeps many workers from sweeping at once.
    this.#timers.set('sweep', sweepMs * (0.75 + Math.random() / 2), () => void this.#sweep());
  }

  async #shutdown(deadlineMs: number): Promise<WorkerCloseReport> {
    const { clock, abortGraceMs } = this.#settings;
    const startedAt = clock.now();
    this.#state = 'closing';
    this.#slots.shut();
    this.#exchanger.kick();
    const drained = await this.#idle.within(deadlineMs);
    if (!drained) {
      this.#slots.stopAll('closed');
      await this.#idle.within(abortGraceMs + FLUSH_MS);
    }
    const abandoned = this.#abandoned + this.#slots.running;
    const unsettled = this.#exchanger.unsettled;
    this.#state = 'closed';
    this.#timers.close();
    this.#exchanger.close();
    this.#slots.close();
    await Promise.race([this.#stopListening(), this.#after(FLUSH_MS)]);
    return { drained, durationMs: clock.now() - startedAt, abandoned, unsettled };
  }

  async #stopListening(): Promise<void> {
    try {
      await this.#wake?.[Symbol.asyncDispose]();
    } catch (err) {
      this.#settings.logger.warn({ module: 'queue', err }, 'listening did not end well');
    }
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#settings.clock.setTimeout(resolve, ms).unref();
    });
  }

  #isIdle(): boolean {
    return this.#slots.running === 0 && this.#slots.waiting === 0 && this.#exchanger.isResting;
  }
}
