import type { Duration } from '../duration.js';
import { QueueError } from '../errors.js';
import type { HealthReport } from '../health.js';
import { durationOption, invalidOption, knownOptions } from '../options.js';
import type {
  ClaimedTask,
  ExchangeReply,
  ExchangeRequest,
  QueueStore,
  Settlement,
} from '../store.js';
import type { TaskHandler } from '../task.js';
import { uuidv7 } from '../uuid.js';
import { Attempt } from './attempt.js';
import { Idle } from './idle.js';
import { type WorkerOptions, type WorkerSettings, workerSettings } from './options.js';
import { type PendingSettlement, reportLost, reportSettled, reportStarted } from './report.js';
import { type Runner, runAttempt } from './run-attempt.js';
import { Runners } from './runners.js';
import { sweepOnce } from './sweep.js';
import { Timers } from './timers.js';
import type { AnyQueue, WorkerCloseReport, WorkerStats } from './types.js';

const MAX_SETTLEMENTS = 1_000;
const UNKNOWN_TASK_DELAY_MS = 5_000;
const FLUSH_MS = 2_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;
const UNHEALTHY_AFTER_MS = 30_000;

/** Runs handlers for the tasks of one or more queues of one store, made by {@link createWorker}. */
export class Worker implements AsyncDisposable {
  /** Unique to this object; part of the fence of its leases. */
  readonly id: string = uuidv7();
  readonly #settings: WorkerSettings;
  readonly #store: Omit<QueueStore, 'enqueue'>;
  readonly #queues: ReadonlyMap<string, AnyQueue>;
  readonly #runners: Runners;
  readonly #unknown = new Set<string>();
  readonly #running = new Map<string, Attempt>();
  readonly #timers: Timers<'poll' | 'heartbeat' | 'sweep' | 'retry'>;
  #order: readonly string[];
  #pending: PendingSettlement[] = [];
  #state: WorkerStats['state'] = 'new';
  #busy = false;
  /** Whether a claim may find something. */
  #hungry = true;
  #extendDue = false;
  #exchanges = 0;
  #failing = 0;
  #failingSince = 0;
  #abandoned = 0;
  readonly #idle: Idle;
  #wake: AsyncDisposable | undefined;
  #closing: Promise<WorkerCloseReport> | undefined;

  constructor(
    queues: readonly AnyQueue[],
    handlers: readonly TaskHandler[],
    options?: WorkerOptions,
  ) {
    this.#settings = workerSettings(options);
    this.#timers = new Timers(this.#settings.clock);
    this.#idle = new Idle(this.#settings.clock, () => this.#isIdle());
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
  }

  /**
   * Starts claiming. Migrates the store first.
   * @throws QueueError `QUEUE_CLOSED`, or what the store throws when it cannot be reached
   */
  async start(): Promise<void> {
    if (this.#state === 'running') return;
    if (this.#state !== 'new') throw new QueueError('QUEUE_CLOSED', 'The worker is closed');
    this.#state = 'running';
    try {
      await this.#store.migrate();
      this.#wake = await this.#store.onWake(this.#order, () => this.#look());
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
    this.#look();
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
      running: this.#running.size,
      unsettled: this.#pending.length,
      exchanges: this.#exchanges,
      failing: this.#failing,
    };
  }

  /** Healthy while it runs and the store answers; unhealthy when the store has not answered for 30 s. */
  async health(): Promise<HealthReport> {
    const details = { ...this.stats(), worker: this.id };
    if (this.#state !== 'running') return { status: 'unhealthy', details };
    if (this.#failing === 0) return { status: 'healthy', details };
    const long = this.#settings.clock.now() - this.#failingSince >= UNHEALTHY_AFTER_MS;
    return { status: long ? 'unhealthy' : 'degraded', details };
  }

  #isClosing(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  /** There may be something to claim. */
  #look(): void {
    this.#hungry = true;
    this.#kick();
  }

  get #free(): number {
    return this.#state === 'running' ? this.#settings.concurrency - this.#running.size : 0;
  }

  #needed(): boolean {
    if (this.#state === 'closed') return false;
    return this.#pending.length > 0 || this.#extendDue || (this.#hungry && this.#free > 0);
  }

  /** Starts an exchange unless one is in flight: what comes up meanwhile rides on the next one. */
  #kick(): void {
    if (this.#busy || !this.#needed()) return;
    this.#busy = true;
    // A microtask later, so that handlers that end in the same turn share the exchange.
    queueMicrotask(() => void this.#exchangeAll());
  }

  async #exchangeAll(): Promise<void> {
    while (this.#needed()) {
      if (!(await this.#exchange())) {
        this.#timers.set('retry', this.#retryDelay(), () => {
          this.#busy = false;
          this.#kick();
          this.#idle.check();
        });
        return;
      }
    }
    this.#busy = false;
    this.#idle.check();
  }

  #retryDelay(): number {
    const grown = RETRY_FIRST_MS * 2 ** Math.min(10, this.#failing - 1);
    return Math.min(RETRY_MAX_MS, grown) * (0.5 + Math.random() / 2);
  }

  /** One exchange. Whether the store answered. */
  async #exchange(): Promise<boolean> {
    const sent = this.#pending.splice(0, MAX_SETTLEMENTS);
    const extend = this.#extendDue ? this.#dueLeases() : [];
    this.#extendDue = false;
    const limit = this.#hungry ? this.#free : 0;
    if (limit > 0) this.#hungry = false;
    const sentAt = this.#settings.clock.now();
    const request: ExchangeRequest = {
      worker: this.id,
      settle: sent.map((pending) => pending.settlement),
      extend: extend.map(({ task }) => ({ id: task.id, epoch: task.epoch })),
      claim: { queues: limit > 0 ? this.#rotated() : [], limit },
      leaseMs: this.#settings.leaseMs,
    };
    this.#exchanges++;
    try {
      const reply = await this.#store.exchange(request);
      this.#failing = 0;
      this.#take(reply, sent, extend, sentAt, limit);
      return true;
    } catch (err) {
      // The store may have done it all the same: then it will call these settlements stale, and that is no news.
      for (const pending of sent) pending.unsure = true;
      this.#pending = [...sent, ...this.#pending];
      this.#extendDue ||= extend.length > 0;
      if (limit > 0) this.#hungry = true;
      if (this.#failing++ === 0) this.#failingSince = sentAt;
      const { logger } = this.#settings;
      logger.warn(
        { module: 'queue', worker: this.id, failing: this.#failing, err },
        'the store did not answer',
      );
      return false;
    }
  }

  #take(
    reply: ExchangeReply,
    sent: readonly PendingSettlement[],
    extend: readonly Attempt[],
    sentAt: number,
    limit: number,
  ): void {
    for (const [index, pending] of sent.entries()) {
      const queue = this.#queues.get(pending.task.queue);
      if (queue)
        reportSettled(
          pending,
          reply.settled[index] ?? 'stale',
          queue.internals,
          this.#settings.logger,
        );
    }
    for (const [index, attempt] of extend.entries()) {
      if (reply.extended[index] === 'ok') attempt.renewedAt = sentAt;
      else this.#lose(attempt);
    }
    for (const task of reply.claimed) this.#begin(task, sentAt);
    if (limit > 0 && reply.claimed.length >= limit) this.#hungry = true;
    if (limit > 0) this.#sleep(reply);
  }

  /** Looks again when the next task is due, and after the poll interval in any case. */
  #sleep({ now, nextDueAt }: ExchangeReply): void {
    const dueMs = nextDueAt === null ? Number.POSITIVE_INFINITY : Math.max(1, nextDueAt - now);
    this.#timers.set('poll', Math.min(dueMs, this.#settings.pollMs), () => this.#look());
  }

  #rotated(): readonly string[] {
    const [first, ...rest] = this.#order;
    if (first !== undefined && rest.length > 0) this.#order = [...rest, first];
    return this.#order;
  }

  #dueLeases(): Attempt[] {
    const before = this.#settings.clock.now() - this.#settings.leaseMs / 3;
    return [...this.#running.values()].filter(
      (attempt) => attempt.renewedAt <= before && attempt.stopped !== 'lost',
    );
  }

  #lose(attempt: Attempt): void {
    // It may have ended while the exchange was in flight: then its settlement will tell.
    if (this.#running.get(attempt.task.id) === attempt) attempt.stop('lost');
  }

  #begin(task: ClaimedTask, sentAt: number): void {
    const runner = this.#runners.of(task);
    const delayMs = runner === undefined ? UNKNOWN_TASK_DELAY_MS : 0;
    if (runner === undefined && this.#state === 'running' && !this.#unknown.has(task.name)) {
      this.#unknown.add(task.name);
      const fields = { module: 'queue', queue: task.queue, task_id: task.id, name: task.name };
      this.#settings.logger.warn(fields, 'no handler here for this task: handing it back');
    }
    if (runner === undefined || this.#state !== 'running') {
      const { id, epoch } = task;
      this.#settle(task, { id, epoch, outcome: 'released', when: { delayMs } }, 0);
      return;
    }
    // The store lost a claim of ours in a crash and gave it out again: the older run must not go on.
    this.#running.get(task.id)?.stop('lost');
    const attempt = new Attempt(task, this.#settings.clock, this.#settings.abortGraceMs);
    attempt.renewedAt = sentAt;
    this.#running.set(task.id, attempt);
    reportStarted(task, this.#queues.get(task.queue)?.internals);
    void this.#run(attempt, runner);
  }

  async #run(attempt: Attempt, runner: Runner): Promise<void> {
    let settlement: Settlement | undefined;
    try {
      settlement = await runAttempt(attempt, runner);
    } catch (err) {
      // Only a fault of this package comes here; the lease will run out.
      this.#settings.logger.error(
        { module: 'queue', task_id: attempt.task.id, err },
        'an attempt broke',
      );
    }
    const { task } = attempt;
    if (this.#running.get(task.id) === attempt) this.#running.delete(task.id);
    if (settlement !== undefined) {
      this.#settle(task, settlement, Math.max(0, this.#settings.clock.now() - attempt.startedAt));
    } else if (attempt.stopped === 'lost') {
      reportLost(task, this.#queues.get(task.queue)?.internals);
    } else {
      this.#abandoned++;
    }
    this.#kick();
    this.#idle.check();
  }

  #settle(task: ClaimedTask, settlement: Settlement, durationMs: number): void {
    this.#pending.push({ task, settlement, durationMs, unsure: false });
    this.#kick();
  }

  #beat(): void {
    this.#timers.set('heartbeat', this.#settings.leaseMs / 6, () => {
      this.#extendDue = this.#dueLeases().length > 0;
      this.#kick();
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
    this.#kick();
    const drained = await this.#idle.within(deadlineMs);
    if (!drained) {
      for (const attempt of this.#running.values()) attempt.stop('closed');
      await this.#idle.within(abortGraceMs + FLUSH_MS);
    }
    const abandoned = this.#abandoned + this.#running.size;
    const unsettled = this.#pending.length;
    this.#state = 'closed';
    this.#timers.close();
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
    return this.#running.size === 0 && this.#pending.length === 0 && !this.#busy;
  }
}
