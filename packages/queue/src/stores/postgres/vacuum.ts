import type { SqlDatabase } from '@holdfast/sql';

/** Tasks that must have ended since the last time. */
const MIN_ENDED = 20_000;
/** A large table is worth the walk through its indexes only when this share of it ended. */
const SHARE = 0.05;
/** The work keeps a connection; as many must be left for the queue. */
const SPARE_CONNECTIONS = 2;

/**
 * Vacuums the table of live tasks when many of them ended. The server's own vacuum looks once a minute, by which time
 * a busy queue has left millions of dead entries at the very end of the index where claims begin.
 */
export class Vacuum {
  readonly #db: SqlDatabase;
  readonly #schema: string;
  #ended = 0;
  #running = false;

  constructor(db: SqlDatabase, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  /** Notes that tasks ended. */
  ended(count: number): void {
    this.#ended += count;
  }

  /** Goes to work in the background where it is time; never fails: it only makes claims cheaper. */
  look(): void {
    if (this.#running || this.#ended < MIN_ENDED) return;
    // Embedded databases do it by themselves.
    if (this.#db.engine !== 'postgres' || this.#db.stats().max <= SPARE_CONNECTIONS) return;
    this.#running = true;
    void this.#work()
      .catch(() => undefined)
      .finally(() => {
        this.#running = false;
      });
  }

  async #work(): Promise<void> {
    const table = `${this.#schema}.queue_task`;
    const { rows } = await this.#db.query<{ live: number }>(
      'select reltuples::float8 as live from pg_class where oid = $1::regclass',
      [table],
    );
    if (this.#ended < SHARE * (rows[0]?.live ?? 0)) return;
    this.#ended = 0;
    await this.#db.query(`vacuum (skip_locked, truncate off) ${table}`, [], { timeout: '10m' });
  }
}
