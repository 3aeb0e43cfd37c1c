import { metrics } from '@opentelemetry/api';
import { durationOption, textOption } from './checks.js';
import type { Duration } from './duration.js';
import type { HealthAnswer } from './health-check.js';
import type { Logger } from './logger.js';
import { recordPool } from './pool-metrics.js';
import { silentLogger } from './silent-logger.js';
import { PACKAGE_NAME, PACKAGE_VERSION } from './version.js';

/** Counters and gauges of a connection pool. */
export interface PoolStats {
  /** Open connections. */
  readonly size: number;
  /** Most connections there may be. */
  readonly max: number;
  /** Connections in use. */
  readonly checkedOut: number;
  /** Connections free to be taken. */
  readonly available: number;
  /** Callers waiting for a connection. */
  readonly waiting: number;
  /** Connections opened so far. */
  readonly opened: number;
  /** Connections closed so far. */
  readonly closed: number;
  /** Connections that failed so far. */
  readonly errors: number;
}

/** A statement that ended. */
export interface PoolQuery {
  /** The statement, without parameter values. */
  readonly text: string;
  /** Name of a prepared statement. */
  readonly name: string | undefined;
  /** How long it ran. */
  readonly durationMs: number;
  /** Rows returned or changed. */
  readonly rowCount: number;
  /** Why it failed; undefined when it did not. */
  readonly error: unknown;
}

/** A pool that can be watched: the `SqlDatabase` of `@holdfast/sql`, or anything with these methods. */
export interface PoolSource {
  /** The figures of this moment. */
  stats(): PoolStats;
  /** Calls `handler` when a connection was taken. Returns what stops it. */
  on(type: 'acquire', handler: (event: { readonly waitMs: number }) => void): () => void;
  /** Calls `handler` when a statement ended. Returns what stops it. */
  on(type: 'query', handler: (event: PoolQuery) => void): () => void;
  /** Calls `handler` when a connection was opened or closed. Returns what stops it. */
  on(type: 'connect' | 'disconnect', handler: (event: object) => void): () => void;
  /** Calls `handler` when a connection failed. Returns what stops it. */
  on(type: 'error', handler: (event: { readonly error: unknown }) => void): () => void;
}

/** State of a pool: `WARNING` from 90 % utilisation, `CRITICAL` when all connections are out and callers wait. */
export type PoolStatus = 'HEALTHY' | 'WARNING' | 'CRITICAL' | 'UNKNOWN';

/** Options of {@link monitorPool}. */
export interface PoolMonitorOptions {
  /** Label `pool` of the metrics. @defaultValue `'main'` */
  pool?: string;
  /** Gets slow statements, connections opened and closed (at debug), and changes of status. @defaultValue silent */
  logger?: Logger;
  /** From which duration on a statement is slow. @defaultValue `'1s'` */
  slowQuery?: Duration;
  /** How often the status is looked at for the log. @defaultValue `'5s'` */
  checkEvery?: Duration;
}

/** A watched pool. */
export interface PoolMonitor extends AsyncDisposable {
  /** How the pool is now. */
  status(): PoolStatus;
  /** Connections in use divided by the most there may be, 0 to 1; NaN when the pool does not answer. */
  utilization(): number;
  /** For a health registry: a busy pool is degraded, which is not a failure. */
  health(): Promise<HealthAnswer>;
  /** Stops watching; the pool itself is left alone. Idempotent. */
  close(): Promise<void>;
}

const WARNING_UTILIZATION = 0.9;
const MAX_STATEMENT_CHARS = 2_000;

/**
 * Watches a connection pool: the twelve `db_pool_*` metrics, slow statements in the log, and a status. Nothing here
 * throws into the pool. Make it after `startTelemetry`.
 */
export function monitorPool(source: PoolSource, options: PoolMonitorOptions = {}): PoolMonitor {
  const pool = textOption('pool', options.pool ?? 'main');
  const slowMs = durationOption('slowQuery', options.slowQuery ?? '1s');
  const checkMs = durationOption('checkEvery', options.checkEvery ?? '5s');
  const logger = options.logger ?? silentLogger;
  const stats = (): PoolStats | undefined => {
    try {
      return source.stats();
    } catch {
      return undefined;
    }
  };
  const meter = metrics.getMeter(PACKAGE_NAME, PACKAGE_VERSION);
  const recorder = recordPool(meter, pool, stats);
  const stops = [
    source.on('acquire', ({ waitMs }) => recorder.acquired(waitMs)),
    source.on('query', (query) => {
      const slow = query.durationMs > slowMs;
      recorder.queried(query.durationMs, query.error !== undefined, slow);
      if (slow) logSlow(logger, pool, query);
    }),
    source.on('connect', () => logger.debug({ module: 'db', pool }, 'connection opened')),
    source.on('disconnect', () => logger.debug({ module: 'db', pool }, 'connection closed')),
    source.on('error', ({ error }) =>
      logger.warn({ module: 'db', pool, err: error }, 'connection failed'),
    ),
  ];
  let logged: PoolStatus = 'HEALTHY';
  const check = setInterval(() => {
    const current = stats();
    const status = statusOf(current);
    if (status === logged) return;
    logged = status;
    const fields = { module: 'db', pool, status, ...current };
    if (status === 'HEALTHY') logger.info(fields, 'connection pool is healthy again');
    else logger.warn(fields, 'connection pool needs attention');
  }, checkMs);
  check.unref();
  const close = (): Promise<void> => {
    clearInterval(check);
    for (const stop of stops.splice(0)) stop();
    recorder.stop();
    return Promise.resolve();
  };
  return {
    status: () => statusOf(stats()),
    utilization: () => utilizationOf(stats()),
    health: () => Promise.resolve(healthOf(stats())),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function utilizationOf(stats: PoolStats | undefined): number {
  return stats === undefined || stats.max <= 0 ? Number.NaN : stats.checkedOut / stats.max;
}

/** An embedded database has one connection, which is all in use whenever anything runs: that says nothing. */
function statusOf(stats: PoolStats | undefined): PoolStatus {
  const utilization = utilizationOf(stats);
  if (stats === undefined || Number.isNaN(utilization)) return 'UNKNOWN';
  if (stats.max === 1 || utilization < WARNING_UTILIZATION) return 'HEALTHY';
  return utilization >= 1 && stats.waiting > 0 ? 'CRITICAL' : 'WARNING';
}

function healthOf(stats: PoolStats | undefined): HealthAnswer {
  const status = statusOf(stats);
  return {
    status: status === 'HEALTHY' ? 'healthy' : 'degraded',
    details: { status, utilization: utilizationOf(stats), ...stats },
  };
}

function logSlow(logger: Logger, pool: string, query: PoolQuery): void {
  logger.warn(
    {
      module: 'db',
      pool,
      duration_ms: Math.round(query.durationMs * 10) / 10,
      row_count: query.rowCount,
      statement: statementOnly(query.text),
      ...(query.name === undefined ? {} : { statement_name: query.name }),
      ...(query.error === undefined ? {} : { err: query.error }),
    },
    'slow query',
  );
}

/** The statement on one line, without the values that somebody wrote into its text. */
function statementOnly(text: string): string {
  return text
    .slice(0, MAX_STATEMENT_CHARS * 2)
    .replace(/'(?:[^']|'')*(?:'|$)/g, '?')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_STATEMENT_CHARS);
}
