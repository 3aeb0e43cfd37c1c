import type { Pool, PoolConfig } from 'pg';
import type { Logger } from '../logger.js';
import { loadPeer } from '../peer.js';
import type { Engine, EngineHooks } from '../session.js';
import { PgListener } from './listener.js';
import type { PgStatement } from './pg-like.js';
import { PoolEngine } from './pool-engine.js';

/** Options of {@link openUrl}, checked and complete. */
export interface UrlOptions {
  url: string;
  max: number;
  idleTimeoutMs: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  idleInTransactionTimeoutMs: number;
  applicationName: string;
  logger: Logger;
}

/** The formats that values are read in, whatever the server's configuration says, and the limits. */
function sessionSettings(options: UrlOptions): string {
  const settings = {
    datestyle: "'ISO'",
    intervalstyle: "'postgres'",
    bytea_output: "'hex'",
    statement_timeout: Math.ceil(options.statementTimeoutMs),
    idle_in_transaction_session_timeout: Math.ceil(options.idleInTransactionTimeoutMs),
  };
  return Object.entries(settings)
    .map(([name, value]) => `SET ${name} = ${value}`)
    .join('; ');
}

function poolConfig(options: UrlOptions): PoolConfig {
  return {
    connectionString: options.url,
    max: options.max,
    idleTimeoutMillis: options.idleTimeoutMs,
    connectionTimeoutMillis: options.connectTimeoutMs,
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** A pool of connections to a PostgreSQL server, and one more for notifications. */
export async function openUrl(options: UrlOptions, hooks: EngineHooks): Promise<Engine> {
  const module = await loadPeer('pg', '8', 'a PostgreSQL server', () => import('pg'));
  const pg = module.default;
  const config = poolConfig(options);
  const pool: Pool = new pg.Pool({
    ...config,
    onConnect: async (client) => {
      const settings: PgStatement = {
        text: sessionSettings(options),
        query_timeout: options.connectTimeoutMs,
      };
      await client.query(settings);
    },
  });
  const listener = new PgListener({
    logger: options.logger,
    onError: hooks.error,
    connect: async () => {
      const client = new pg.Client(config);
      client.on('error', () => {});
      await client.connect();
      return { client, end: () => void client.end().catch(() => {}) };
    },
  });
  return new PoolEngine({
    pool,
    hooks,
    listener,
    statementTimeoutMs: options.statementTimeoutMs,
    dispose: () => pool.end(),
  });
}
