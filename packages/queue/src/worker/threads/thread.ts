import { Worker as NodeWorker, type ResourceLimits } from 'node:worker_threads';
import { QueueError } from '../../errors.js';
import { type FromThread, receivedError, type ThreadTask, type ToThread } from './messages.js';
import { THREAD_CODE } from './thread-code.js';

interface Job {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, running one job at a time. */
export class Thread {
  readonly #worker: NodeWorker;
  readonly #onEnd: (thread: Thread) => void;
  #job: Job | undefined;
  #error: unknown;
  #ended = false;

  constructor(module: string, limits: ResourceLimits, onEnd: (thread: Thread) => void) {
    this.#onEnd = onEnd;
    this.#worker = new NodeWorker(THREAD_CODE, {
      eval: true,
      workerData: { module },
      resourceLimits: limits,
    });
    // A thread without a job keeps no process alive.
    this.#worker.unref();
    this.#worker.on('message', (message: FromThread) => this.#answer(message));
    this.#worker.on('messageerror', (error) => this.#settle((job) => job.reject(error)));
    // Its exit follows.
    this.#worker.on('error', (error) => {
      this.#error = error;
    });
    this.#worker.on('exit', (code) => this.#exited(code));
  }

  /** Whether it is gone, or going. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Runs one job. Rejects with what the job threw, or `QUEUE_THREAD_ENDED` when the thread ends before it does. */
  run(payload: unknown, task: ThreadTask): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#job = { resolve, reject };
      this.#worker.ref();
      try {
        this.#post({ kind: 'run', payload, task });
      } catch (error) {
        // The payload holds something that cannot cross threads, such as a function.
        this.#settle((job) => job.reject(error));
      }
    });
  }

  /** Aborts the signal of the job that runs. */
  abort(code: string, message: string): void {
    this.#post({ kind: 'abort', code, message });
  }

  /** Ends the thread at once, whatever it does. */
  async terminate(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }

  #post(message: ToThread): void {
    if (!this.#ended) this.#worker.postMessage(message);
  }

  #answer(message: FromThread): void {
    this.#settle((job) => {
      if (message.kind === 'resolved') job.resolve(message.value);
      else job.reject(message.kind === 'thrown' ? message.value : receivedError(message.error));
    });
  }

  #settle(end: (job: Job) => void): void {
    const job = this.#job;
    this.#job = undefined;
    this.#worker.unref();
    if (job !== undefined) end(job);
  }

  #exited(code: number): void {
    this.#ended = true;
    const cause = this.#error;
    const why = cause instanceof Error ? cause.message : `exit code ${code}`;
    this.#settle((job) =>
      job.reject(
        new QueueError('QUEUE_THREAD_ENDED', `The thread ended with its job: ${why}`, { cause }),
      ),
    );
    this.#onEnd(this);
  }
}
