import { newCounters, type QueueCounters } from './counters.js';
import type { Duration } from './duration.js';
import { QueueError } from './errors.js';
import { EventHub, type QueueEvent, type QueueEvents } from './events.js';
import { type HealthReport, storeHealth } from './health.js';
import { type Logger, silentLogger } from './logger.js';
import { observeQueue } from './metrics.js';
import { type NewTaskOptions, toNewTask } from './new-task.js';
import {
  durationOption,
  integerOption,
  invalidOption,
  knownOptions,
  textOption,
} from './options.js';
import { type ResolvedRetryPolicy, type RetryPolicy, resolveRetry } from './retry.js';
import type { EnqueueOutcome, QueueStore } from './store.js';
import type { AnyTaskDefinition, TaskDefinition } from './task.js';
import { enqueueSpan, markEnqueued } from './telemetry.js';

/** Options of {@link createQueue}. */
export interface QueueOptions<Tx = never> {
  /** Where tasks live: `memoryStore()`, or `postgresStore(db)` of `@holdfast/queue/postgres`. */
  store: QueueStore<Tx>;
  /**
   * Definitions that may be enqueued by name: see {@link Queue.enqueue} with a list.
   * @defaultValue none
   */
  tasks?: readonly AnyTaskDefinition[];
  /**
   * Retry policy of tasks that have none of their own.
   * @defaultValue 10 attempts, 1 s doubling to 10 min, jitter 0.2
   */
  retry?: RetryPolicy;
  /** How long finished tasks are kept. */
  retention?: {
    /**
     * Completed tasks with their results; 0 keeps none.
     * @defaultValue `'1d'`
     */
    completed?: Duration;
    /**
     * Dead letters.
     * @defaultValue `'30d'`
     */
    dead?: Duration;
  };
  /**
   * Longest payload and longest result, in bytes of JSON.
   * @defaultValue 1048576
   */
  maxPayloadBytes?: number;
  /** @defaultValue silent */
  logger?: Logger;
}

/** How one task is enqueued. */
export interface EnqueueOptions<Tx = never> extends NewTaskOptions {
  /** A transaction of the store's database: the task exists, and wakes workers, once it commits. */
  tx?: Tx | undefined;
}

/** One task of {@link Queue.enqueueMany}. */
export interface EnqueueItem extends NewTaskOptions {
  task: AnyTaskDefinition;
  payload: unknown;
}

/** One task of a list by name. */
export interface NamedTask extends NewTaskOptions {
  /** Of a definition that the queue was given in `tasks`. */
  name: string;
  payload: unknown;
}

/** What a queue gives to the workers of its process. */
export interface QueueInternals {
  readonly hub: EventHub;
  readonly counters: QueueCounters;
  readonly retry: ResolvedRetryPolicy;
  readonly maxPayloadBytes: number;
}

/** A queue of tasks, made by {@link createQueue}. */
export class Queue<Tx = never> implements AsyncDisposable {
  readonly name: string;
  readonly store: QueueStore<Tx>;
  /** For the workers of this process. */
  readonly internals: QueueInternals;
  readonly #tasks: ReadonlyMap<string, AnyTaskDefinition>;
  readonly #keep: { readonly completedMs: number; readonly deadMs: number };
  readonly #stopMetrics: () => void;
  #closed = false;

  constructor(name: string, options: QueueOptions<Tx>) {
    const known = ['store', 'tasks', 'retry', 'retention', 'maxPayloadBytes', 'logger'];
    knownOptions('options', options, known);
    if (typeof options?.store?.exchange !== 'function') {
      throw invalidOption('options.store', 'a store, such as memoryStore()', options?.store);
    }
    knownOptions('options.retention', options.retention, ['completed', 'dead']);
    this.name = textOption('name', name);
    this.store = options.store;
    this.#tasks = new Map((options.tasks ?? []).map((task) => [task.name, task]));
    const { completed, dead } = options.retention ?? {};
    this.#keep = {
      completedMs: durationOption('options.retention.completed', completed, 86_400_000),
      deadMs: durationOption('options.retention.dead', dead, 30 * 86_400_000),
    };
    const maxBytes: [number, number] = [1, 256 * 2 ** 20];
    this.internals = {
      hub: new EventHub(this.name, options.logger ?? silentLogger),
      counters: newCounters(),
      retry: resolveRetry('options.retry', options.retry),
      maxPayloadBytes: integerOption(
        'options.maxPayloadBytes',
        options.maxPayloadBytes,
        2 ** 20,
        maxBytes,
      ),
    };
    this.#stopMetrics = observeQueue(this.name, this.store, this.internals.counters);
  }

  /**
   * Enqueues one task. When it resolves, the task is as durable as the store says (`store.traits.durable`).
   *
   * @returns `added`, or `duplicate` with the id of the task that holds the idempotency key
   * @throws QueueError `QUEUE_PAYLOAD_INVALID` naming the path, `QUEUE_OPTION_INVALID`, `QUEUE_CLOSED`
   */
  async enqueue<PayloadIn, Payload, ResultIn, Result>(
    task: TaskDefinition<PayloadIn, Payload, ResultIn, Result>,
    payload: PayloadIn,
    options?: EnqueueOptions<Tx>,
  ): Promise<EnqueueOutcome>;
  /**
   * Enqueues a list by name, all or none: for code that knows tasks only by name, such as another package's port.
   * The queue was given their definitions in `tasks`.
   */
  async enqueue(
    tasks: readonly NamedTask[],
    options?: { tx?: Tx | undefined },
  ): Promise<EnqueueOutcome[]>;
  async enqueue(
    first: AnyTaskDefinition | readonly NamedTask[],
    second?: unknown,
    third?: EnqueueOptions<Tx>,
  ): Promise<EnqueueOutcome | EnqueueOutcome[]> {
    if (Array.isArray(first)) {
      const items = (first as readonly NamedTask[]).map(({ name, ...rest }, index) => ({
        ...rest,
        task: this.#taskNamed(name, index),
      }));
      return this.enqueueMany(items, second as { tx?: Tx | undefined } | undefined);
    }
    const { tx, ...rest } = third ?? {};
    const item = { ...rest, task: first as AnyTaskDefinition, payload: second };
    const [outcome] = await this.#enqueueAll([item], () => undefined, tx);
    if (outcome === undefined)
      throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The store gave no outcome');
    return outcome;
  }

  /**
   * Enqueues many tasks in one round trip, all or none.
   *
   * @returns the outcomes in the order of the items
   * @throws QueueError as {@link Queue.enqueue}, with `items[3].payload.to` as the path
   */
  async enqueueMany(
    items: readonly EnqueueItem[],
    options?: { tx?: Tx | undefined },
  ): Promise<EnqueueOutcome[]> {
    knownOptions('options', options, ['tx']);
    if (!Array.isArray(items)) throw invalidOption('items', 'an array', items);
    if (items.length === 0) return [];
    return this.#enqueueAll(items, (index) => `items[${index}].`, options?.tx);
  }

  /** Calls `listener` for what this queue object and the workers of this process do. Returns what stops it. */
  on<Type extends keyof QueueEvents>(
    type: Type,
    listener: (event: QueueEvent<Type>) => void,
  ): () => void {
    return this.internals.hub.on(type, listener);
  }

  /** Counters of this queue object and the workers of this process. */
  stats(): Readonly<QueueCounters> {
    return { ...this.internals.counters };
  }

  /** Whether the store answers, with its counts. */
  async health(): Promise<HealthReport> {
    if (this.#closed) return { status: 'unhealthy', details: { reason: 'closed' } };
    return storeHealth(this.store, this.name);
  }

  /** Ends the queue object. The store, which the caller made, stays open. Idempotent. */
  async close(): Promise<{ drained: boolean; durationMs: number }> {
    this.#closed = true;
    this.#stopMetrics();
    return { drained: true, durationMs: 0 };
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #taskNamed(name: string, index: number): AnyTaskDefinition {
    const task = this.#tasks.get(name);
    if (task !== undefined) return task;
    const known = [...this.#tasks.keys()].join(', ') || 'none';
    throw invalidOption(`tasks[${index}].name`, `one of the queue's tasks (${known})`, name);
  }

  async #enqueueAll(
    items: readonly EnqueueItem[],
    prefix: (index: number) => string | undefined,
    tx: Tx | undefined,
  ): Promise<EnqueueOutcome[]> {
    if (this.#closed) throw new QueueError('QUEUE_CLOSED', `Queue ${this.name} is closed`);
    return enqueueSpan(this.name, items.length, async (carrier, span) => {
      const settings = {
        queue: this.name,
        retry: this.internals.retry,
        maxPayloadBytes: this.internals.maxPayloadBytes,
        keep: this.#keep,
      };
      const tasks = await Promise.all(
        items.map((item, index) => toNewTask(item, prefix(index), settings, carrier)),
      );
      const outcomes = await this.store.enqueue(tasks, tx === undefined ? undefined : { tx });
      markEnqueued(
        span,
        outcomes.filter((o) => o.outcome === 'added').map((o) => o.id),
      );
      this.#report(items, outcomes);
      return outcomes;
    });
  }

  #report(items: readonly EnqueueItem[], outcomes: readonly EnqueueOutcome[]): void {
    for (const [index, { outcome, id }] of outcomes.entries()) {
      if (outcome === 'added') {
        this.internals.counters.added++;
        this.internals.hub.emit('task.added', id, { name: items[index]?.task.name ?? '' });
      } else {
        this.internals.counters.duplicates++;
      }
    }
  }
}

/**
 * Makes a queue object: cheap, holds no connection. Any number of processes may make one of the same name.
 *
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function createQueue<Tx = never>(name: string, options: QueueOptions<Tx>): Queue<Tx> {
  return new Queue(name, options);
}
