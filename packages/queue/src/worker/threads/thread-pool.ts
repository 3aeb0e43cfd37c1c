import type { ResourceLimits } from 'node:worker_threads';
import type { ThreadTask } from './messages.js';
import { Thread } from './thread.js';

/** How a {@link ThreadPool} is made. */
export interface ThreadPoolSettings {
  readonly module: string;
  readonly size: number;
  readonly limits: ResourceLimits;
  /** How long a job may go on after its signal aborted, before its thread is ended. */
  readonly terminateAfterMs: number;
}

/** Runs jobs in a bounded number of threads, which are made when needed and used again. */
export class ThreadPool {
  readonly #settings: ThreadPoolSettings;
  readonly #threads = new Set<Thread>();
  readonly #idle: Thread[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(settings: ThreadPoolSettings) {
    this.#settings = settings;
  }

  /** Threads that exist. */
  get size(): number {
    return this.#threads.size;
  }

  /**
   * Runs a job as soon as a thread is free. When its signal aborts it is told, and its thread is ended when that does
   * not help: rejects with the signal's reason then.
   */
  async run(payload: unknown, task: ThreadTask, signal: AbortSignal): Promise<unknown> {
    await this.#turn(signal);
    let thread: Thread | undefined;
    try {
      thread = this.#take();
      return await this.#runIn(thread, payload, task, signal);
    } finally {
      this.#busy--;
      if (thread?.ended === false) this.#idle.push(thread);
      this.#waiting.shift()?.();
    }
  }

  async #runIn(
    thread: Thread,
    payload: unknown,
    task: ThreadTask,
    signal: AbortSignal,
  ): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onAbort = (): void => {
      const { code, message } = signal.reason as { code: string; message: string };
      thread.abort(code, message);
      timer = setTimeout(() => void thread.terminate(), this.#settings.terminateAfterMs);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await thread.run(payload, task);
    } catch (error) {
      throw signal.aborted && thread.ended ? signal.reason : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the threads without a job; others may still use the pool. */
  async release(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()));
  }

  /** Waits for a free place, in order. */
  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#busy < this.#settings.size) {
      this.#busy++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', onAbort);
        this.#busy++;
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(start);
    });
  }

  #take(): Thread {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const { module, limits } = this.#settings;
    const thread = new Thread(module, limits, (ended) => {
      this.#threads.delete(ended);
      const at = this.#idle.indexOf(ended);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    this.#threads.add(thread);
    return thread;
  }
}
