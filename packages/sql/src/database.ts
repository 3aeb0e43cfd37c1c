import type { Duration } from './duration.js';

/** One row as read: column name to value. See {@link SqlExecutor.query} for the JavaScript type of each SQL type. */
export type SqlRow = Record<string, unknown>;

/** Options of one statement. */
export interface QueryOptions {
  /**
   * Prepares the statement under this name once a connection and re-uses the plan: give hot statements one.
   * One name always stands for one text.
   * @defaultValue not prepared
   */
  name?: string;
  /**
   * Longest time the statement may run; then it fails with `SQL_TIMEOUT`.
   * @defaultValue the database's `statementTimeout`
   */
  timeout?: Duration;
}

/** What a statement returned. */
export interface QueryResult<Row extends SqlRow = SqlRow> {
  readonly rows: Row[];
  /** Rows returned, or changed where nothing is returned. */
  readonly rowCount: number;
}

/** Anything that runs SQL: a database (each statement on its own) or a transaction. */
export interface SqlExecutor {
  /**
   * Runs one statement with `$1` parameters.
   *
   * Values read are the same on every engine: `int2`/`int4`/`float` → number; `int8` → number, or bigint when it is
   * beyond 2^53; `numeric` → string; `bool` → boolean; text, `uuid`, `date`, `time`, `interval` → string;
   * `timestamptz`/`timestamp` → Date; `json`/`jsonb` → parsed; `bytea` → Uint8Array; arrays → arrays of these.
   * Values given: string, number, bigint, boolean, null, Date, Uint8Array, and arrays of these for array parameters;
   * a JSON parameter is given as its text (`JSON.stringify(value)`).
   *
   * @throws SqlError with a `code` of {@link SqlErrorCode} and the engine's error as `cause`
   */
  query<Row extends SqlRow = SqlRow>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<Row>>;
  /**
   * Runs a script of several statements without parameters (migrations). Outside of a transaction it is one of its own.
   * `timeout` is for the whole script.
   */
  exec(script: string, options?: { timeout?: Duration }): Promise<void>;
}

/** A transaction in progress. It ends when the function it was given to settles. */
export interface SqlTransaction extends SqlExecutor {
  /** Runs `fn` under a savepoint: when it throws, only what it did is undone. */
  transaction<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  /**
   * Calls `fn` once the outermost transaction has committed; not at all when it (or the savepoint this was called
   * under) rolls back. What `fn` throws is reported to the database's logger, never to the caller.
   */
  afterCommit(fn: () => void): void;
}

/** Options of a transaction. */
export interface TransactionOptions {
  /** @defaultValue `'read committed'` */
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** @defaultValue false */
  readOnly?: boolean;
  /**
   * How often the whole function is run again after a serialisation failure (40001) or a deadlock (40P01),
   * with jittered exponential backoff. The function must therefore keep its side effects inside the transaction.
   * @defaultValue 3
   */
  retries?: number;
  /**
   * Whether the commit waits for the disk. `'off'` may lose the last transactions at a crash of the database server,
   * never damage or reorder them: only for what is safe to repeat.
   * @defaultValue `'on'`
   */
  synchronousCommit?: 'on' | 'off';
}

/** A listener that can be stopped. */
export interface Subscription extends AsyncDisposable {
  /** Stops listening. Idempotent. */
  close(): Promise<void>;
}

/** Options of {@link SqlDatabase.listen}. */
export interface ListenOptions {
  /**
   * Called after a lost connection was replaced and the channel is listened to again. Notifications sent meanwhile
   * are lost (Postgres keeps none), so look at the tables once.
   */
  onReconnect?: () => void;
}

/** What happens to connections and statements: the pool monitor of `@holdfast/observability` reads these. */
export interface SqlEvents {
  /** A connection was taken from the pool after `waitMs`. */
  acquire: { waitMs: number };
  /** A connection was given back after `heldMs`. */
  release: { heldMs: number };
  /** A connection was opened. */
  connect: Record<string, never>;
  /** A connection was closed. */
  disconnect: Record<string, never>;
  /** A statement ended. `text` holds no parameter values. */
  query: {
    text: string;
    name: string | undefined;
    durationMs: number;
    rowCount: number;
    error: unknown;
  };
  /** A connection failed outside of a statement. */
  error: { error: unknown };
}

/** Counters and gauges of a database handle, since it was opened. */
export interface SqlStats {
  readonly engine: 'postgres' | 'pglite';
  /** Open connections. */
  readonly size: number;
  /** Most connections there may be. */
  readonly max: number;
  readonly checkedOut: number;
  readonly available: number;
  /** Callers waiting for a connection. */
  readonly waiting: number;
  readonly opened: number;
  readonly closed: number;
  readonly errors: number;
  readonly queries: number;
}

/** Health of a dependency. */
export interface HealthReport {
  status: 'healthy' | 'degraded' | 'unhealthy';
  details: Record<string, unknown>;
}

/** What `close` did. */
export interface CloseReport {
  /** Whether everything ended by itself before the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
}

/** One database, whatever runs it: a PostgreSQL server through `pg`, or PGlite inside the process. */
export interface SqlDatabase extends SqlExecutor, AsyncDisposable {
  readonly engine: 'postgres' | 'pglite';
  /** Runs `fn` in a transaction: commits when it resolves, rolls back when it throws. */
  transaction<T>(fn: (tx: SqlTransaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Calls `handler` for each notification on `channel`. Listens again by itself after a lost connection. */
  listen(
    channel: string,
    handler: (payload: string) => void,
    options?: ListenOptions,
  ): Promise<Subscription>;
  /** Sends a notification (at most 8000 bytes) on `channel`. */
  notify(channel: string, payload?: string): Promise<void>;
  /** Calls `handler` for each event of the type. Returns what stops it. */
  on<Type extends keyof SqlEvents>(
    type: Type,
    handler: (event: SqlEvents[Type]) => void,
  ): () => void;
  stats(): SqlStats;
  health(): Promise<HealthReport>;
  /**
   * Ends the handle: new calls fail with `SQL_CLOSED`, running ones are waited for until the deadline. A pool or
   * PGlite instance that the caller made is left open. Idempotent.
   */
  close(options?: { deadline?: Duration }): Promise<CloseReport>;
}
