import type { SqlDatabase } from './database.js';
import type { Duration } from './duration.js';
import { SqlError } from './errors.js';
import { DatabaseHandle } from './handle.js';
import { type Logger, silentLogger } from './logger.js';
import { invalidOption, milliseconds, wholeNumber } from './options.js';

/** The pool of connections to a server. */
export interface PoolOptions {
  /**
   * Most connections at once; the one for notifications comes on top.
   * @defaultValue 10
   */
  max?: number;
  /**
   * How long an unused connection stays open; 0 for ever.
   * @defaultValue `'30s'`
   */
  idleTimeout?: Duration;
  /**
   * How long a caller waits for a connection, new or free.
   * @defaultValue `'10s'`
   */
  connectTimeout?: Duration;
}

/** Options of {@link openDatabase}, whatever it opens. */
export interface OpenOptions {
  /** @defaultValue see {@link PoolOptions}; an embedded database has no pool */
  pool?: PoolOptions;
  /**
   * Longest time a statement may run; 0 for no limit. A server cancels it; should the server have fallen silent, the
   * connection is given up a second later. An embedded database cannot be interrupted: there it has no effect.
   * @defaultValue `'30s'`
   */
  statementTimeout?: Duration;
  /**
   * Longest time a transaction may stay open while nothing is asked of the server; 0 for no limit. The server then ends
   * it with its connection, so that a process that hangs or is frozen does not hold its locks for ever. An embedded
   * database has one process and no such limit.
   * @defaultValue `'1m'`
   */
  idleInTransactionTimeout?: Duration;
  /**
   * Name of the connections in `pg_stat_activity`.
   * @defaultValue `'holdfast'`
   */
  applicationName?: string;
  /** @defaultValue silent */
  logger?: Logger;
}

/** What to open: a server by its URL, an embedded database in a directory, or one in memory. */
export type DatabaseTarget =
  | { url: string; dataDir?: never; memory?: never }
  | { dataDir: string; url?: never; memory?: never }
  | { memory: true; url?: never; dataDir?: never };

/**
 * Opens a database: `{ url: 'postgres://…' }` a PostgreSQL server (peer `pg`), `{ dataDir }` an embedded one in a
 * directory for this process alone, `{ memory: true }` one that is gone with the process (peer `@electric-sql/pglite`).
 *
 * Opening a server connects to nothing yet: `health` or the first statement does.
 *
 * @throws SqlError `SQL_OPTION_INVALID`, `SQL_PEER_MISSING`, `SQL_DIRECTORY_LOCKED` or `SQL_UNAVAILABLE`
 */
export async function openDatabase(options: DatabaseTarget & OpenOptions): Promise<SqlDatabase> {
  const logger = options.logger ?? silentLogger;
  const statementTimeoutMs = milliseconds('statementTimeout', options.statementTimeout ?? '30s');
  assertOneTarget(options);
  if (options.url !== undefined) {
    const settings = urlOptions(options, options.url, statementTimeoutMs, logger);
    const { openUrl } = await import('./postgres/open-url.js');
    return DatabaseHandle.open((hooks) => openUrl(settings, hooks), logger);
  }
  const { openDirectory, openMemory } = await import('./pglite/embedded.js');
  const { dataDir } = options;
  if (dataDir === undefined) return DatabaseHandle.open(openMemory, logger);
  return DatabaseHandle.open((hooks) => openDirectory({ dataDir, logger }, hooks), logger);
}

function assertOneTarget(target: DatabaseTarget): void {
  const given = (['url', 'dataDir', 'memory'] as const).filter((key) => target[key] !== undefined);
  if (given.length !== 1) {
    throw new SqlError(
      'SQL_OPTION_INVALID',
      `Expected exactly one of \`url\`, \`dataDir\` and \`memory\`, got ${given.length === 0 ? 'none' : given.join(' and ')}`,
      { details: { option: 'url', received: given } },
    );
  }
  const memory: unknown = target.memory;
  if (memory !== undefined && memory !== true) throw invalidOption('memory', 'true', memory);
  if (target.dataDir !== undefined && !isText(target.dataDir)) {
    throw invalidOption('dataDir', 'the path of a directory', target.dataDir);
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

function urlOptions(
  options: OpenOptions,
  url: string,
  statementTimeoutMs: number,
  logger: Logger,
): import('./postgres/open-url.js').UrlOptions {
  if (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url)) {
    // Not shown as received: it may hold a password.
    throw invalidOption('url', "a URL that starts with 'postgres://'", typeof url);
  }
  const pool = options.pool ?? {};
  return {
    url,
    logger,
    statementTimeoutMs,
    max: wholeNumber('pool.max', pool.max ?? 10, 1, 10_000),
    idleTimeoutMs: milliseconds('pool.idleTimeout', pool.idleTimeout ?? '30s'),
    connectTimeoutMs: milliseconds('pool.connectTimeout', pool.connectTimeout ?? '10s'),
    idleInTransactionTimeoutMs: milliseconds(
      'idleInTransactionTimeout',
      options.idleInTransactionTimeout ?? '1m',
    ),
    applicationName: options.applicationName ?? 'holdfast',
  };
}
