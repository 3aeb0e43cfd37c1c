import type { QueueCounters } from './counters.js';
import type { Duration } from './duration.js';
import type { EventHub } from './events.js';
import type { FlowLinks } from './flow.js';
import type { Latency } from './latency.js';
import type { Logger } from './logger.js';
import type { NewTaskOptions } from './new-task.js';
import type { ResolvedRetryPolicy, RetryPolicy } from './retry.js';
import type { QueueStore } from './store.js';
import type { AnyTaskDefinition } from './task.js';

/** Options of {@link createQueue}. */
export interface QueueOptions<Tx = never> {
  /** Where tasks live: `memoryStore()`, `postgresStore(db)` of `@holdfast/queue/postgres` or `redisStore` of `@holdfast/queue/redis`. */
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

/** One task of {@link Queue.enqueueFlow}. */
export interface FlowItem extends EnqueueItem, FlowLinks {}

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
  /** Undefined when nobody takes metrics. */
  readonly latency: Latency | undefined;
  readonly retry: ResolvedRetryPolicy;
  readonly maxPayloadBytes: number;
}
