import { invalidOption } from '../options.js';
import type { ClaimedTask } from '../store.js';
import type { TaskHandler } from '../task.js';
import type { WorkerSettings } from './options.js';
import type { Runner } from './run-attempt.js';
import type { AnyQueue } from './types.js';

/** How a worker runs the tasks of its queues, by queue and name. */
export class Runners {
  readonly #byKey = new Map<string, Runner>();

  constructor(
    queues: Iterable<AnyQueue>,
    handlers: readonly TaskHandler[],
    worker: string,
    settings: WorkerSettings,
  ) {
    const { logger, clock, timeoutMs } = settings;
    for (const queue of queues) {
      for (const handler of handlers) {
        const key = keyOf(queue.name, handler.task.name);
        if (this.#byKey.has(key)) {
          throw invalidOption('handlers', 'at most one handler for a task', handler.task.name);
        }
        this.#byKey.set(key, {
          handler,
          policy: handler.task.retryOver(queue.internals.retry),
          timeoutMs: handler.task.timeoutMs ?? timeoutMs,
          maxResultBytes: queue.internals.maxPayloadBytes,
          worker,
          logger,
          now: () => clock.now(),
        });
      }
    }
  }

  /** Undefined when no handler here knows the task. */
  of({ queue, name }: ClaimedTask): Runner | undefined {
    return this.#byKey.get(keyOf(queue, name));
  }
}

function keyOf(queue: string, task: string): string {
  return `${queue}\0${task}`;
}
