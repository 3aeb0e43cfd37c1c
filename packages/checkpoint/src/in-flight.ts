import type { Clock } from './clock.js';
import { CheckpointError } from './errors.js';

/** What `close` did. */
export interface CloseReport {
  /** Whether every running call ended before the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
}

/** Counts running calls, so that `close` can refuse new ones and wait for these. */
export class InFlight {
  readonly #clock: Clock;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<CloseReport> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new CheckpointError('CHECKPOINT_CLOSED', 'These checkpoints have been closed');
    }
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  close(deadlineMs: number): Promise<CloseReport> {
    this.#closing ??= this.#drain(deadlineMs);
    return this.#closing;
  }

  async #drain(deadlineMs: number): Promise<CloseReport> {
    const startedAt = this.#clock.now();
    const drained = await new Promise<boolean>((resolve) => {
      // Not unref'd: when nothing else keeps the process, it would end before the caller learns how this did.
      const timer = this.#clock.setTimeout(() => resolve(false), deadlineMs);
      void Promise.allSettled(this.#running).then(() => {
        timer.clear();
        resolve(true);
      });
    });
    return { drained, durationMs: this.#clock.now() - startedAt };
  }
}
