import type { SqlRow } from './database.js';
import type { ForcedEnd } from './forced-end.js';

/** What a statement gave, with the command tag's first word (`SELECT`, `COMMIT`, `ROLLBACK` …). */
export interface SessionResult {
  rows: SqlRow[];
  rowCount: number;
  command: string;
}

/** Options of one statement, resolved. */
export interface StatementOptions {
  name?: string | undefined;
  /** Milliseconds; 0 is no limit; undefined is the database's own limit. */
  timeoutMs?: number | undefined;
}

/** One server session. Its callers run one statement at a time on it. Errors are the engine's own. */
export interface Session {
  query(
    text: string,
    values: readonly unknown[],
    options: StatementOptions,
  ): Promise<SessionResult>;
  /** Runs a script; the result is the last statement's. */
  script(text: string, options: StatementOptions): Promise<SessionResult>;
  /** Set while a transaction is open: per-statement limits then belong to the transaction. */
  inTransaction: boolean;
  /** Set when a transaction does not wait for the disk at its commit. */
  lazyCommit: boolean;
}

/** What connects an engine to its handle, which counts what is reported and passes it on as events. */
export interface EngineHooks {
  acquire(waitMs: number): void;
  release(heldMs: number): void;
  connect(): void;
  disconnect(): void;
  error(error: unknown): void;
  /** Happens when a close has waited long enough. */
  readonly forcedEnd: ForcedEnd;
}

/** A handler of notifications on one channel. */
export interface ChannelListener {
  handler: (payload: string) => void;
  onReconnect: () => void;
}

/** What differs between a server and an embedded database. */
export interface Engine {
  readonly kind: 'postgres' | 'pglite';
  /** Whether there is only one session, so that a call outside of a running transaction waits for its end. */
  readonly singleSession: boolean;
  /**
   * Runs `fn` with a session of its own. A forced end ends the session even if `fn` never settles.
   */
  use<T>(fn: (session: Session) => Promise<T>): Promise<T>;
  /** Adds a listener; resolves with what removes it, once the server has confirmed. */
  listen(channel: string, listener: ChannelListener): Promise<() => Promise<void>>;
  gauges(): { size: number; max: number; checkedOut: number; available: number; waiting: number };
  /** Extra facts for the health report. */
  describe(): Record<string, unknown>;
  /** Closes what the engine itself opened. Sessions in use have ended or been aborted. */
  close(): Promise<void>;
}
