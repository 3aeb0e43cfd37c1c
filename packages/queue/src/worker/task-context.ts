import type { Logger } from '../logger.js';
import type { ChildTask, TaskContext } from '../task.js';
import type { Attempt } from './attempt.js';

/**
 * What a handler is told of its task. A class, so that what few handlers ask for is made only for those; by getters,
 * so that it can be taken apart: `({ signal, progress }) => …`.
 */
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

  get progress(): (value: unknown) => void {
    const attempt = this.#attempt;
    return (value) => attempt.runner.services.progress(attempt, value);
  }

  get completeIn(): (tx: unknown, result?: unknown) => Promise<void> {
    const attempt = this.#attempt;
    return (tx, result) => attempt.runner.services.completeIn(attempt, tx, result);
  }

  get children(): () => Promise<readonly ChildTask[]> {
    const attempt = this.#attempt;
    return () => attempt.runner.services.children(attempt);
  }
}
