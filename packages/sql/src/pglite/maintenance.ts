import type { Logger } from '../logger.js';
import type { Engine } from '../session.js';

/** Upper bound of the write-ahead log, and with it of the time that a start after a crash takes. */
const CHECKPOINT_BYTES = 32 * 1024 * 1024;
const INTERVAL_MS = 15_000;
/** As autovacuum: a fixed number of dead rows plus a share of the live ones. */
const DEAD_ROWS = 2_000;
const DEAD_SHARE = 0.2;

/** As `wal_writer_delay` of a server. */
const FLUSH_DELAY_MS = 200;
/** The shortest transaction whose commit writes something and therefore waits for the whole log before it. */
const FLUSH = "SELECT pg_logical_emit_message(true, 'holdfast', '')";

/** What one round did. */
export interface MaintenanceReport {
  walBytes: number;
  checkpointed: boolean;
  vacuumed: string[];
}

/**
 * Does what background processes do in a server: PGlite has neither checkpointer nor autovacuum, so its log would
 * grow for ever and dead rows would never be re-used.
 */
export class Maintenance {
  readonly #engine: Engine;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #stopped = false;
  #checkpointAt: string | undefined;

  constructor(engine: Engine, logger: Logger) {
    this.#engine = engine;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#round(), INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#flushTimer);
  }

  /** Flushes soon what was committed without waiting for the disk: in a server a background process does. */
  flushSoon(): void {
    if (this.#flushTimer !== undefined || this.#stopped) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#run(FLUSH).catch((error: unknown) => this.#report(error));
    }, FLUSH_DELAY_MS);
    this.#flushTimer.unref();
  }

  async run(): Promise<MaintenanceReport> {
    const walBytes = await this.#walBytes();
    const checkpointed = walBytes >= CHECKPOINT_BYTES;
    if (checkpointed) {
      await this.#run('CHECKPOINT');
      this.#checkpointAt = undefined;
      await this.#walBytes();
    }
    const vacuumed = await this.#bloatedTables();
    // Each in a turn of its own, so that callers get theirs in between.
    for (const table of vacuumed) await this.#run(`VACUUM (ANALYZE) ${table}`);
    return { walBytes, checkpointed, vacuumed };
  }

  async #round(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      this.#report(error);
    }
    if (!this.#stopped) this.start();
  }

  #report(error: unknown): void {
    if (this.#stopped) return;
    this.#logger.warn({ module: 'sql', err: error }, 'Maintenance of the embedded database failed');
  }

  /** Bytes of log since the last checkpoint (or since the start). */
  async #walBytes(): Promise<number> {
    const row = await this.#row(
      'SELECT pg_current_wal_lsn()::text AS at, pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce($1::pg_lsn, pg_current_wal_lsn()))::float8 AS bytes',
      [this.#checkpointAt ?? null],
    );
    this.#checkpointAt ??= String(row.at);
    return Number(row.bytes);
  }

  async #bloatedTables(): Promise<string[]> {
    // The session keeps its counts to itself for up to a minute; this publishes them.
    await this.#run('SELECT pg_stat_force_next_flush()');
    const row = await this.#row(
      `SELECT coalesce(array_agg(format('%I.%I', schemaname, relname)), '{}')::text[] AS tables
       FROM pg_stat_user_tables WHERE n_dead_tup > $1::float8 + $2::float8 * n_live_tup`,
      [String(DEAD_ROWS), String(DEAD_SHARE)],
    );
    return row.tables as string[];
  }

  #row(text: string, values: readonly unknown[]): Promise<Record<string, unknown>> {
    return this.#engine.use(
      async (session) => (await session.query(text, values, {})).rows[0] ?? {},
    );
  }

  async #run(command: string): Promise<void> {
    await this.#engine.use((session) => session.script(command, {}));
  }
}
