import type { Duration } from '../duration.js';
import { QueueError } from '../errors.js';
import type { HealthReport } from '../health.js';
import { durationOption, invalidOption, knownOptions } from '../options.js';
import type { ExchangeReply, QueueStore } from '../store.js';
import { uuidv7 } from '../uuid.js';
import { type ExchangeHost, Exchanger } from './exchanger.js';
import type { Flight } from './flights.js';
import { type AnyHandler, isBatchHandler } from './handlers.js';
import { Idle } from './idle.js';
import { Intake } from './intake.js';
import { type WorkerOptions, type WorkerSettings, workerSettings } from './options.js';
import { Parking } from './parking.js';
import { reportLost, reportSettled } from './report.js';
import { Runners } from './runners.js';
import { Scaler } from './scaler.js';
import { attemptServices } from './services.js';
import { SlotSize } from './slot-size.js';
import { Slots, type SlotsHost } from './slots.js';
import { Sweeper } from './sweeper.js';
import { Timers } from './timers.js';
import { Turn } from './turn.js';
import type { AnyQueue, WorkerCloseReport, WorkerStats } from './types.js';
import { within } from './within.js';

const FLUSH_MS = 2_000;
const UNHEALTHY_AFTER_MS = 30_000;
/** What handlers report meanwhile goes to the store together. */
const REPORT_MS = 250;

/** Runs handlers for the tasks of one or more queues of one store, made by {@link createWorker}. */
export class Worker implements AsyncDisposable {
  /** Unique to this object; part of the fence of its leases. */
  readonly id: string = uuidv7();
  readonly #settings: WorkerSettings;
  readonly #store: Omit<QueueStore, 'enqueue'>;
  readonly #queues: ReadonlyMap<string, AnyQueue>;
  readonly #handlers: readonly AnyHandler[];
  readonly #timers: Timers<'poll' | 'heartbeat' | 'progress'>;
  readonly #slots: Slots;
  readonly #exchanger: Exchanger;
  readonly #intake: Intake;
  readonly #idle: Idle;
  readonly #parking: Parking;
  readonly #scaler: Scaler;
  readonly #sweeper: Sweeper;
  readonly #listening: AsyncDisposable[] = [];
  #order: readonly string[];
  #state: WorkerStats['state'] = 'new';
  #reportSet = false;
  #abandoned = 0;
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
    this.#handlers = [...handlers];
    const services = attemptServices(this.#store, this.id, () => this.#reportLater());
    const runners = new Runners(this.#queues.values(), handlers, this.id, this.#settings, services);
    this.#timers = new Timers(this.#settings.clock);
    this.#idle = new Idle(this.#settings.clock, () => this.#isIdle());
    const turn = new Turn();
    const sizes = handlers.map((handler) => (isBatchHandler(handler) ? handler.batchSize : 1));
    const [settings, start] = [this.#settings, this.#settings.concurrency.min];
    const size = new SlotSize(sizes);
    this.#slots = new Slots(settings, start, size, turn, this.#slotsHost());
    this.#scaler = new Scaler(settings, this.id, this.#slots);
    this.#sweeper = new Sweeper(this.#store, this.#queues, settings);
    this.#parking = new Parking(this.#store, this.id, settings.clock, size.most === 1);
    this.#exchanger = new Exchanger(this.#store, this.id, settings, turn, this.#exchangeHost());
    this.#intake = new Intake(settings, runners, this.#slots, {
      isRunning: () => this.#state === 'running',
      settle: (pending) => this.#exchanger.settle(pending),
      kick: () => this.#exchanger.kick(),
    });
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
      await this.#listen();
    } catch (error) {
      if (!this.#isClosing()) this.#state = 'new';
      await this.#stopListening();
      throw error;
    }
    if (this.#isClosing()) {
      await this.#stopListening();
      throw new QueueError('QUEUE_CLOSED', 'The worker was closed while it started');
    }
    this.#beat();
    this.#scaler.start();
    this.#sweeper.start();
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

  async #listen(): Promise<void> {
    this.#listening.push(await this.#store.onWake(this.#order, () => this.#exchanger.look()));
    const handover = await this.#parking.open((claimed, leasedAt) => {
      this.#intake.take(claimed, leasedAt);
      this.#intake.start();
    });
    if (handover !== undefined) this.#listening.push(handover);
  }

  /** Whether nothing may be claimed. */
  #isShut(): boolean {
    return this.#state !== 'running';
  }

  #isClosing(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  #slotsHost(): SlotsHost {
    return {
      ended: (attempt, settlement, durationMs) => {
        this.#scaler.ended();
        const { task, completedIn } = attempt;
        if (settlement !== undefined) {
          const pending = { task, settlement, durationMs, unsure: false, completedIn };
          if (attempt.progress === undefined || completedIn) this.#exchanger.settle(pending);
          else this.#exchanger.reportAndSettle(attempt, pending);
          return;
        }
        this.#parking.ended(task.id);
        if (attempt.stopped === 'lost') reportLost(task, attempt.runner.internals);
        else this.#abandoned++;
      },
      unstarted: (task) => this.#intake.release(task, 0),
      freed: () => {
        this.#exchanger.kick();
        this.#idle.check();
      },
    };
  }

  #exchangeHost(): ExchangeHost {
    return {
      room: (asked) => (this.#isShut() ? 0 : this.#slots.room(asked)),
      spots: () => (this.#parking.isOffered && !this.#isShut() ? this.#slots.free : 0),
      isLeaving: () => this.#isShut(),
      occupied: () => this.#slots.waiting > 0,
      due: () => this.#slots.due(),
      queues: () => this.#rotated(),
      settled: (pending, verdict, { now }) => {
        this.#parking.ended(pending.task.id);
        const internals = this.#queues.get(pending.task.queue)?.internals;
        if (internals) reportSettled(pending, verdict, internals, this.#settings.logger, now);
      },
      extended: (attempt, verdict, sentAt) => {
        if (verdict !== 'lost') attempt.renewedAt = sentAt;
        if (verdict === 'ok' || attempt.completedIn) return;
        // It may have ended while the exchange was in flight: then its settlement will tell.
        if (this.#slots.has(attempt))
          this.#slots.stop(attempt, verdict === 'cancel' ? 'cancelled' : 'lost');
      },
      claimed: (reply, flight) => this.#claimed(reply, flight),
      start: () => this.#intake.start(),
      late: (claimed) => {
        for (const task of claimed) this.#intake.release(task, 0);
        this.#exchanger.kick();
      },
      rested: () => this.#idle.check(),
    };
  }

  #claimed(reply: ExchangeReply, { limit, sentAt, park }: Flight): void {
    this.#intake.take(this.#parking.fresh(reply.claimed), sentAt, reply.now);
    if (park) this.#parking.parked(reply, sentAt);
    if (limit === 0) return;
    this.#scaler.claimed(reply, limit);
    if (reply.claimed.length >= limit) return;
    // Looks again when the next task is due, and after the poll interval in any case.
    const { nextDueAt } = reply;
    const dueMs =
      nextDueAt === null ? Number.POSITIVE_INFINITY : Math.max(1, nextDueAt - reply.now);
    const pollMs = Math.min(dueMs, this.#settings.pollMs);
    this.#timers.set('poll', pollMs, () => this.#exchanger.look());
  }

  #reportLater(): void {
    if (this.#reportSet) return;
    this.#reportSet = true;
    this.#timers.set('progress', REPORT_MS, () => {
      this.#reportSet = false;
      this.#exchanger.extend();
    });
  }

  #rotated(): readonly string[] {
    const [first, ...rest] = this.#order;
    if (first !== undefined && rest.length > 0) this.#order = [...rest, first];
    return this.#order;
  }

  #beat(): void {
    const { clock, leaseMs } = this.#settings;
    this.#timers.set('heartbeat', leaseMs / 6, () => {
      this.#exchanger.watch(clock.now());
      if (this.#slots.due().length > 0) this.#exchanger.extend();
      this.#beat();
    });
  }

  async #shutdown(deadlineMs: number): Promise<WorkerCloseReport> {
    const { clock, abortGraceMs } = this.#settings;
    const startedAt = clock.now();
    this.#state = 'closing';
    const swept = this.#sweeper.close();
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
    this.#scaler.close();
    this.#exchanger.close();
    this.#slots.close();
    this.#intake.close();
    const ends = Promise.all([this.#letGo(), swept]);
    await within(clock, FLUSH_MS, ends).catch(() => undefined);
    return { drained, durationMs: clock.now() - startedAt, abandoned, unsettled };
  }

  /** Ends what was opened for this worker. */
  async #letGo(): Promise<void> {
    const threads = this.#handlers.map((handler) =>
      'release' in handler ? handler.release() : undefined,
    );
    await Promise.all([this.#stopListening(), ...threads]);
  }

  async #stopListening(): Promise<void> {
    try {
      await Promise.all(this.#listening.splice(0).map((each) => each[Symbol.asyncDispose]()));
    } catch (err) {
      this.#settings.logger.warn({ module: 'queue', err }, 'listening did not end well');
    }
  }

  #isIdle(): boolean {
    return this.#slots.running === 0 && this.#slots.waiting === 0 && this.#exchanger.isResting;
  }
}
