import type { Logger } from '../logger.js';
import type { TaskContext } from '../task.js';
import type { Attempt } from './attempt.js';

/** What a handler is told of its task. A class, so that the signal is made only for a handler that asks for it. */
export class AttemptContext implements TaskContext {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly epoch: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly #attempt: Attempt;

  constructor(attempt: Attempt) {
    const { task } = attempt;
    this.id = task.id;
    this.queue = task.queue;
    this.name = task.name;
    this.attempt = task.attempt;
    this.maxAttempts = task.maxAttempts;
    this.epoch = task.epoch;
    this.headers = task.headers;
    this.logger = attempt.runner.logger;
    this.#attempt = attempt;
  }

  get enqueuedAt(): Date {
    return new Date(this.#attempt.task.enqueuedAt);
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }
}
