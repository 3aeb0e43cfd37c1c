import { childrenOf } from './children.js';
import { newCounters, type QueueCounters } from './counters.js';
import type { Duration } from './duration.js';
import { QueueError } from './errors.js';
import { EventHub, type QueueEvent, type QueueEvents } from './events.js';
import { requireFeature, requireFor } from './features.js';
import { inOrder, linkFlow, planFlow } from './flow.js';
import { type HealthReport, storeHealth } from './health.js';
import { type CloseReport, InFlight } from './in-flight.js';
import { latencyOf } from './latency.js';
import { silentLogger } from './logger.js';
import { observeQueue } from './metrics.js';
import { byName } from './named-tasks.js';
import { attemptsOver, type QueueSettings, toNewTask } from './new-task.js';
import {
  durationOption,
  integerOption,
  invalidOption,
  knownOptions,
  loggerOption,
  readable,
  textOption,
} from './options.js';
import type {
  EnqueueItem,
  EnqueueOptions,
  FlowItem,
  NamedTask,
  QueueInternals,
  QueueOptions,
} from './queue-types.js';
import { resolveRetry } from './retry.js';
import type { ScheduleOptions } from './schedule/options.js';
import { putSchedule, removeSchedule } from './schedule/put.js';
import type { EnqueueOutcome, NewTask, QueueStore, ScheduleRecord } from './store.js';
import {
  type AnyTaskDefinition,
  type ChildTask,
  requireTask,
  type TaskDefinition,
} from './task.js';
import { type Enqueue, enqueueSpan, markEnqueued } from './telemetry.js';

export type { QueueInternals } from './queue-types.js';

/** A queue of tasks, made by {@link createQueue}. */
export class Queue<Tx = never> implements AsyncDisposable {
  readonly name: string;
  readonly store: QueueStore<Tx>;
  /** For the workers of this process. */
  readonly internals: QueueInternals;
  readonly #tasks: ReadonlyMap<string, AnyTaskDefinition>;
  readonly #settings: QueueSettings;
  readonly #stopMetrics: () => void;
  readonly #calls: InFlight;

  constructor(name: string, options: QueueOptions<Tx>) {
    const known = ['store', 'tasks', 'retry', 'retention', 'maxPayloadBytes', 'logger'];
    knownOptions('options', options, known);
    if (typeof options?.store?.exchange !== 'function') {
      throw invalidOption('options.store', 'a store, such as memoryStore()', options?.store);
    }
    knownOptions('options.retention', options.retention, ['completed', 'dead']);
    this.name = textOption('name', name);
    this.#calls = new InFlight(this.name);
    this.store = options.store;
    this.#tasks = byName(options.tasks);
    const { completed, dead } = options.retention ?? {};
    const keep = {
      completedMs: durationOption('options.retention.completed', completed, 86_400_000),
      deadMs: durationOption('options.retention.dead', dead, 30 * 86_400_000),
    };
    const maxBytes: [number, number] = [1, 256 * 2 ** 20];
    this.internals = {
      hub: new EventHub(this.name, loggerOption('options.logger', options.logger, silentLogger)),
      counters: newCounters(),
      latency: latencyOf(this.name),
      retry: resolveRetry('options.retry', options.retry),
      maxPayloadBytes: integerOption(
        'options.maxPayloadBytes',
        options.maxPayloadBytes,
        2 ** 20,
        maxBytes,
      ),
    };
    const { retry, maxPayloadBytes } = this.internals;
    this.#settings = { queue: this.name, attemptsOf: attemptsOver(retry), maxPayloadBytes, keep };
    this.#stopMetrics = observeQueue(this.name, this.store, this.internals.counters);
  }

  /**
   * Enqueues one task. When it resolves, the task is as durable as the store says (`store.traits.durable`).
   *
   * @returns `added`, or `duplicate` with the id of the task that holds the idempotency key
   * @throws QueueError `QUEUE_PAYLOAD_INVALID` naming the path, `QUEUE_OPTION_INVALID`, `QUEUE_PRIORITY_INVALID` where
   * the queue has a range of priorities, `QUEUE_CLOSED`
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
      const items = (first as readonly NamedTask[]).map((item, index) => {
        if (typeof item !== 'object' || item === null || Array.isArray(item))
          throw invalidOption(`tasks[${index}]`, 'an object with a name and a payload', item);
        const { name, ...rest } = item;
        return { ...rest, task: this.#taskNamed(name, index) };
      });
      return this.enqueueMany(items, second as { tx?: Tx | undefined } | undefined);
    }
    if (third !== undefined && (typeof third !== 'object' || !third || Array.isArray(third)))
      throw invalidOption('options', 'an object', third);
    const { tx, ...rest } = readable('options', () => ({ ...third }));
    const item = { ...rest, task: first as AnyTaskDefinition, payload: second };
    const [outcome] = await this.#enqueueAll([item], 'alone', tx);
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
    if (items.length === 0) return this.#calls.run(async () => []);
    return this.#enqueueAll(items, 'listed', options?.tx);
  }

  /**
   * Enqueues tasks that wait for one another, all or none. A task with `after` starts when the tasks of those refs are
   * finished; {@link Queue.children} gives it their results.
   *
   * @example
   * ```ts
   * await queue.enqueueFlow([
   *   { ref: 'a', task: part, payload: 1 },
   *   { ref: 'b', task: part, payload: 2 },
   *   { task: whole, payload: null, after: ['a', 'b'] },
   * ]);
   * ```
   * @returns the outcomes in the order of the items
   * @throws QueueError `QUEUE_OPTION_INVALID` for unknown refs and circles, `QUEUE_UNSUPPORTED`, and as {@link Queue.enqueue}
   */
  async enqueueFlow(
    items: readonly FlowItem[],
    options?: { tx?: Tx | undefined },
  ): Promise<EnqueueOutcome[]> {
    knownOptions('options', options, ['tx']);
    if (!Array.isArray(items)) throw invalidOption('items', 'an array', items);
    if (items.length === 0) return this.#calls.run(async () => []);
    const plan = planFlow(items);
    const plain = (items as readonly FlowItem[]).map(
      ({ ref: _, after: __, onChildFailure: ___, ...item }) => item,
    );
    return this.#enqueueAll(plain, 'listed', options?.tx, (tasks) => linkFlow(tasks, plan, items));
  }

  /**
   * Enqueues tasks and one that runs when all of them are finished, however they ended: the batch's callback.
   *
   * @returns the outcomes of the items and, last, that of `then`
   */
  async enqueueBatch(
    items: readonly EnqueueItem[],
    then: EnqueueItem,
    options?: { tx?: Tx | undefined },
  ): Promise<EnqueueOutcome[]> {
    if (!Array.isArray(items)) throw invalidOption('items', 'an array', items);
    if (typeof then !== 'object' || then === null)
      throw invalidOption('then', 'an object with a task and its payload', then);
    requireTask('then.task', then.task);
    const refs = items.map((_, index) => `${index}`);
    const flow = items.map((item, index) => ({ ...item, ref: `${index}` }));
    const last = { ...then, after: refs, onChildFailure: 'ignore' } as const;
    return this.enqueueFlow([...flow, last], options);
  }

  /**
   * The tasks that a task waited for, with their states and results, in the order of their ids.
   * @throws QueueError `QUEUE_UNSUPPORTED`
   */
  async children(id: string): Promise<ChildTask[]> {
    requireFeature(this.store, 'flows', 'Children');
    return this.#calls.run(() => childrenOf(this.store, textOption('id', id)));
  }

  /**
   * Makes or changes a schedule, whose runs enqueue a task. Every process may do it at its start: as long as the timing
   * stays the same, nothing else changes. Workers of any queue of the store fire schedules when they sweep; a run is
   * never fired twice.
   *
   * @throws QueueError `QUEUE_OPTION_INVALID`, `QUEUE_PAYLOAD_INVALID`, `QUEUE_UNSUPPORTED`, `QUEUE_CLOSED`
   */
  async schedule<PayloadIn, Payload, ResultIn, Result>(
    id: string,
    task: TaskDefinition<PayloadIn, Payload, ResultIn, Result>,
    payload: PayloadIn,
    options: ScheduleOptions,
  ): Promise<ScheduleRecord> {
    const item = { id, task: task as AnyTaskDefinition, payload, options };
    return this.#calls.run(() => putSchedule(this.store, this.#settings, item));
  }

  /** Removes a schedule, with who does it and why for the event of it. Whether there was one. */
  async unschedule(id: string, change: { by?: string; reason?: string } = {}): Promise<boolean> {
    const name = textOption('id', id);
    return this.#calls.run(() => removeSchedule(this.store, this.name, name, change));
  }

  /**
   * Calls `listener` for what this queue object and the workers of this process do. Returns what stops it.
   * @throws QueueError `QUEUE_OPTION_INVALID`, `QUEUE_CLOSED`
   */
  on<Type extends keyof QueueEvents>(
    type: Type,
    listener: (event: QueueEvent<Type>) => void,
  ): () => void {
    this.#calls.open();
    return this.internals.hub.on(type, listener);
  }

  /** Counters of this queue object and the workers of this process. */
  stats(): Readonly<QueueCounters> {
    return { ...this.internals.counters };
  }

  /** Whether the store answers, with its counts. */
  async health(): Promise<HealthReport> {
    if (this.#calls.isClosed) return { status: 'unhealthy', details: { reason: 'closed' } };
    return storeHealth(this.store, this.name);
  }

  /**
   * Ends the queue object: waits for the calls under way, at most until the deadline. From then on every call fails with
   * `QUEUE_CLOSED`, but for `stats()` and `health()`, which say how it ended. What was enqueued stays, and so does the
   * store, which the caller made. Always resolves. Idempotent.
   *
   * @throws QueueError `QUEUE_OPTION_INVALID`
   */
  async close(options?: {
    /** How long calls under way may take; what they asked for may still happen after that. @defaultValue `'10s'` */
    deadline?: Duration;
  }): Promise<CloseReport> {
    knownOptions('options', options, ['deadline']);
    const deadlineMs = durationOption('options.deadline', options?.deadline, 10_000);
    this.#stopMetrics();
    return this.#calls.close(deadlineMs);
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

  #enqueueAll(
    items: readonly EnqueueItem[],
    standing: 'alone' | 'listed',
    tx: Tx | undefined,
    link: (tasks: NewTask[]) => NewTask[] = (tasks) => tasks,
  ): Promise<EnqueueOutcome[]> {
    const { latency } = this.internals;
    const add: Enqueue<EnqueueOutcome[]> = async (carrier, span) => {
      const made = this.#made(items, standing, carrier);
      const tasks = made instanceof Promise ? await made : made;
      const linked = link(tasks);
      for (const task of linked) requireFor(this.store, task);
      const placed = await this.store.enqueue(linked, tx === undefined ? undefined : { tx });
      const outcomes = inOrder(tasks, linked, placed);
      if (span !== undefined) markEnqueued(span, outcomes);
      this.#report(items, outcomes);
      return outcomes;
    };
    return this.#calls.run(() => enqueueSpan(this.name, items.length, latency, add));
  }

  /** The items as tasks; a promise of them where a schema is asynchronous. */
  #made(
    items: readonly EnqueueItem[],
    standing: 'alone' | 'listed',
    carrier: Readonly<Record<string, string>>,
  ): NewTask[] | Promise<NewTask[]> {
    const tasks: NewTask[] = [];
    const waiting: Promise<unknown>[] = [];
    for (let index = 0; index < items.length; index++) {
      const place = standing === 'listed' ? index : undefined;
      const task = toNewTask(items[index] as EnqueueItem, place, this.#settings, carrier);
      if (task instanceof Promise) {
        const placed = task.then((checked) => {
          tasks[index] = checked;
        });
        // A later item may be refused at once, and then nobody waits for this one.
        placed.catch(() => undefined);
        waiting.push(placed);
      } else {
        tasks[index] = task;
      }
    }
    return waiting.length === 0 ? tasks : Promise.all(waiting).then(() => tasks);
  }

  #report(items: readonly EnqueueItem[], outcomes: readonly EnqueueOutcome[]): void {
    const { counters, hub } = this.internals;
    const isHeard = hub.hears('task.added');
    for (let index = 0; index < outcomes.length; index++) {
      const { outcome, id } = outcomes[index] as EnqueueOutcome;
      if (outcome === 'duplicate') counters.duplicates++;
      if (outcome !== 'added') continue;
      counters.added++;
      if (isHeard) hub.emit('task.added', id, { name: items[index]?.task.name ?? '' });
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
