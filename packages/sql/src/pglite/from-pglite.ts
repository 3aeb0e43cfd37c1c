import type { SqlDatabase } from '../database.js';
import { DatabaseHandle } from '../handle.js';
import { type Logger, silentLogger } from '../logger.js';
import { PgliteEngine } from './engine.js';
import { loadPglite } from './load.js';
import type { PgliteLike } from './pglite-like.js';

/** Options of {@link fromPglite}. */
export interface FromPgliteOptions {
  /** @defaultValue silent */
  logger?: Logger;
}

/**
 * A database handle over a PGlite instance of the caller, who goes on owning it: `close` leaves it open, and its
 * durability is whatever it was created with (PGlite itself never calls fsync; {@link openDatabase} makes it).
 *
 * @throws SqlError `SQL_PEER_MISSING` when `@electric-sql/pglite` cannot be loaded
 */
export async function fromPglite(
  db: PgliteLike,
  options: FromPgliteOptions = {},
): Promise<SqlDatabase> {
  const { protocol } = await loadPglite();
  return DatabaseHandle.open(
    (hooks) => new PgliteEngine({ db, writer: protocol.serialize, hooks }),
    options.logger ?? silentLogger,
  );
}
