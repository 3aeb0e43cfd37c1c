import type { Queue } from '../queue.js';
import type { QueueStore } from '../store.js';

/** Any queue, whatever its store's transactions are. */
export type AnyQueue = Pick<Queue, 'name' | 'internals'> & {
  readonly store: Omit<QueueStore, 'enqueue'>;
};

/** What closing a worker came to. */
export interface WorkerCloseReport {
  /** Whether every handler ended by itself before the deadline and everything was settled. */
  readonly drained: boolean;
  readonly durationMs: number;
  /** Handlers that were still running when the worker gave up waiting; their leases will run out. */
  readonly abandoned: number;
  /** Outcomes that the store could not be told; their leases will run out. */
  readonly unsettled: number;
}

/** Counters and gauges of a worker. */
export interface WorkerStats {
  readonly state: 'new' | 'running' | 'paused' | 'closing' | 'closed';
  /** Tasks whose handlers run now. */
  readonly running: number;
  /** Tasks claimed ahead that start as soon as a handler ends. */
  readonly waiting: number;
  /** Handlers that may run at once, as it stands. */
  readonly concurrency: number;
  /** Outcomes waiting for the next exchange. */
  readonly unsettled: number;
  readonly exchanges: number;
  /** Exchanges that failed in a row; 0 while the store answers. */
  readonly failing: number;
}
