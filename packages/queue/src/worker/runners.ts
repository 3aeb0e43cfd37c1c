import type { Clock } from '../clock.js';
import type { TaskLatency } from '../latency.js';
import type { Logger } from '../logger.js';
import { invalidOption } from '../options.js';
import type { QueueInternals } from '../queue.js';
import type { ResolvedRetryPolicy } from '../retry.js';
import type { ClaimedTask } from '../store.js';
import type { AnyHandler } from './handlers.js';
import type { WorkerSettings } from './options.js';
import type { AttemptServices } from './services.js';
import type { AnyQueue } from './types.js';

/** How a task of one queue is run. */
export interface Runner {
  readonly handler: AnyHandler;
  readonly policy: ResolvedRetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly maxResultBytes: number;
  readonly worker: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly internals: QueueInternals;
  readonly latency: TaskLatency | undefined;
  readonly services: AttemptServices;
}

/** How a worker runs the tasks of its queues, by queue and name. */
export class Runners {
  readonly #byQueue = new Map<string, Map<string, Runner>>();

  constructor(
    queues: Iterable<AnyQueue>,
    handlers: readonly AnyHandler[],
    worker: string,
    settings: WorkerSettings,
    services: AttemptServices,
  ) {
    const { logger, clock, timeoutMs } = settings;
    for (const { name, internals } of queues) {
      const byName = new Map<string, Runner>();
      this.#byQueue.set(name, byName);
      for (const handler of handlers) {
        const { task } = handler;
        if (byName.has(task.name)) {
          throw invalidOption('handlers', 'at most one handler for a task', task.name);
        }
        byName.set(task.name, {
          handler,
          policy: task.retryOver(internals.retry),
          timeoutMs: task.timeoutMs ?? timeoutMs,
          maxResultBytes: internals.maxPayloadBytes,
          worker,
          logger,
          clock,
          internals,
          latency: internals.latency?.of(task.name),
          services,
        });
      }
    }
  }

  /** Undefined when no handler here knows the task. */
  of({ queue, name }: ClaimedTask): Runner | undefined {
    return this.#byQueue.get(queue)?.get(name);
  }
}
