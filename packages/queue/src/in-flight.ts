import { systemClock } from './clock.js';
import { QueueError } from './errors.js';

/** What closing a queue came to. */
export interface CloseReport {
  /** Whether every call that was under way had its answer before the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
}

/** Counts the calls under way, so that closing can refuse new ones and wait for these. */
export class InFlight {
  readonly #queue: string;
  #count = 0;
  #closing: Promise<CloseReport> | undefined;
  #drained: () => void = () => undefined;

  constructor(queue: string) {
    this.#queue = queue;
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** @throws QueueError `QUEUE_CLOSED` */
  open(): void {
    if (this.#closing !== undefined)
      throw new QueueError('QUEUE_CLOSED', `Queue ${this.#queue} is closed`);
  }

  /** Does what is refused once the queue is closed. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.open();
    this.#count++;
    try {
      return await work();
    } finally {
      this.#count--;
      if (this.#count === 0) this.#drained();
    }
  }

  /** The first call says how long. */
  close(deadlineMs: number): Promise<CloseReport> {
    this.#closing ??= this.#drain(deadlineMs);
    return this.#closing;
  }

  async #drain(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now();
    const drained =
      this.#count === 0 ||
      (await new Promise<boolean>((resolve) => {
        // Not unref'd: when nothing else keeps the process, it would end before the caller learns how this did.
        const timer = systemClock.setTimeout(() => resolve(false), deadlineMs);
        this.#drained = () => {
          timer.clear();
          resolve(true);
        };
      }));
    return { drained, durationMs: performance.now() - startedAt };
  }
}
