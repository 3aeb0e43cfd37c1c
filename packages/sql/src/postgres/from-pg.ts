import type { SqlDatabase } from '../database.js';
import type { Duration } from '../duration.js';
import { DatabaseHandle } from '../handle.js';
import { type Logger, silentLogger } from '../logger.js';
import { milliseconds } from '../options.js';
import { PgListener } from './listener.js';
import type { PgPoolLike } from './pg-like.js';
import { PoolEngine } from './pool-engine.js';

/** Options of {@link fromPg}. */
export interface FromPgOptions {
  /**
   * Longest time a statement may run before its connection is given up. The server's own limit is the pool's to set
   * (`statement_timeout`): this handle changes no setting of connections it does not own.
   * @defaultValue `'30s'`
   */
  statementTimeout?: Duration;
  /** @defaultValue silent */
  logger?: Logger;
}

/**
 * A database handle over a `pg.Pool` of the caller, who goes on owning it: `close` leaves it open. Listening takes one
 * of the pool's connections.
 *
 * @throws SqlError `SQL_OPTION_INVALID`
 */
export function fromPg(pool: PgPoolLike, options: FromPgOptions = {}): Promise<SqlDatabase> {
  const statementTimeoutMs = milliseconds('statementTimeout', options.statementTimeout ?? '30s');
  const logger = options.logger ?? silentLogger;
  return DatabaseHandle.open((hooks) => {
    const listener = new PgListener({
      logger,
      onError: hooks.error,
      connect: async () => {
        const client = await pool.connect();
        return { client, end: () => client.release(true) };
      },
    });
    return new PoolEngine({ pool, hooks, listener, statementTimeoutMs });
  }, logger);
}
