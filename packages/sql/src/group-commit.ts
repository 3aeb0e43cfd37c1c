import { AsyncResource } from 'node:async_hooks';
import type { SqlDatabase } from './database.js';
import { isSqlError, SqlError } from './errors.js';
import { wholeNumber } from './options.js';
import { refuseInsideTransaction } from './scope.js';

/** Options of {@link groupCommit}. */
export interface GroupCommitOptions<Item, Result> {
  /**
   * Writes a batch, all or nothing, and returns one result for each item, in their order. An `Error` among the results
   * fails that item alone; a rejection fails the batch.
   */
  flush: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>;
  /**
   * Most items of a batch.
   * @defaultValue 1000
   */
  maxBatch?: number;
  /**
   * Batches in flight at once. With more than one, batches may be committed in another order than they were added in.
   * @defaultValue 1
   */
  concurrency?: number;
  /**
   * Whether a batch that fails is tried again in halves, until what fails is alone: the others then succeed, for some
   * more flushes. Only for a `flush` that leaves nothing behind when it rejects. Not when the database is away.
   * @defaultValue false
   */
  isolateFailures?: boolean;
  /**
   * The database that `flush` writes to. Named, an `add` inside one of its transactions fails on PGlite, where it
   * would otherwise wait for ever for that very transaction to end.
   */
  database?: SqlDatabase;
}

/** Collects items and writes them in batches. */
export interface GroupCommit<Item, Result> extends AsyncDisposable {
  /** Writes the item with the next batch; settles with its own result, after the batch was written. */
  add(item: Item): Promise<Result>;
  /** Items that wait or are being written. */
  readonly size: number;
  /** Writes what was added and refuses more with `SQL_CLOSED`. Idempotent. */
  close(): Promise<void>;
}

interface Entry<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit without timers: an item that finds nothing in flight is written at once, and what arrives meanwhile
 * rides on the next batch. So one caller pays no delay, and many share the cost of a commit.
 */
export function groupCommit<Item, Result>(
  options: GroupCommitOptions<Item, Result>,
): GroupCommit<Item, Result> {
  return new Batcher(options);
}

/** Whether the database is away: then no item is to blame, and halves would only wait once more each. */
function isOutage(error: unknown): boolean {
  return isSqlError(error) && (error.code === 'SQL_UNAVAILABLE' || error.code === 'SQL_CLOSED');
}

class Batcher<Item, Result> implements GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  readonly #maxBatch: number;
  readonly #concurrency: number;
  /** Flushes run in the context of whoever made the batcher, not of the item that happened to be first. */
  readonly #context = new AsyncResource('holdfast.groupCommit', { requireManualDestroy: false });
  readonly #inFlight = new Set<Promise<void>>();
  #waiting: Entry<Item, Result>[] = [];
  #writing = 0;
  #scheduled = false;
  #closed = false;

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options;
    this.#maxBatch = wholeNumber('maxBatch', options.maxBatch ?? 1_000, 1, 1_000_000);
    this.#concurrency = wholeNumber('concurrency', options.concurrency ?? 1, 1, 1_000);
  }

  get size(): number {
    return this.#waiting.length + this.#writing;
  }

  async add(item: Item): Promise<Result> {
    if (this.#closed) throw new SqlError('SQL_CLOSED', 'The group commit is closed');
    const { database } = this.#options;
    if (database?.engine === 'pglite') refuseInsideTransaction(database, 'A group commit');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.size > 0) {
      await Promise.resolve();
      await Promise.all(this.#inFlight);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** In a microtask, so that what is added in one go is written in one go. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight.size >= this.#concurrency) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#inFlight.size < this.#concurrency) this.#launch();
    });
  }

  #launch(): void {
    const batch = this.#waiting.slice(0, this.#maxBatch);
    this.#waiting = this.#waiting.slice(this.#maxBatch);
    this.#writing += batch.length;
    const flight = this.#context
      .runInAsyncScope(() => this.#write(batch))
      .finally(() => {
        this.#writing -= batch.length;
        this.#inFlight.delete(flight);
        this.#schedule();
      });
    this.#inFlight.add(flight);
  }

  async #write(batch: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      this.#settle(batch, await this.#flush(batch));
    } catch (error) {
      if (batch.length === 1 || !this.#options.isolateFailures || isOutage(error)) {
        for (const entry of batch) entry.reject(error);
        return;
      }
      // One half after the other: the order of the items is kept.
      const half = Math.ceil(batch.length / 2);
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
    }
  }

  async #flush(batch: readonly Entry<Item, Result>[]): Promise<readonly (Result | Error)[]> {
    const results = await this.#options.flush(batch.map(({ item }) => item));
    if (Array.isArray(results) && results.length === batch.length) return results;
    throw new SqlError(
      'SQL_STATEMENT_INVALID',
      `Expected \`flush\` to return ${batch.length} results, one for each item, got ${Array.isArray(results) ? results.length : typeof results}`,
    );
  }

  #settle(batch: readonly Entry<Item, Result>[], results: readonly (Result | Error)[]): void {
    batch.forEach((entry, index) => {
      const result = results[index] as Result | Error;
      if (result instanceof Error) entry.reject(result);
      else entry.resolve(result);
    });
  }
}
