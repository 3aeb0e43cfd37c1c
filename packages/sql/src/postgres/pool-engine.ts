import { SqlError } from '../errors.js';
import { closedError } from '../forced-end.js';
import type { ChannelListener, Engine, EngineHooks, Session } from '../session.js';
import { toSqlError } from '../sql-state.js';
import { destroyClient } from './destroy-client.js';
import type { PgListener } from './listener.js';
import type { PgClientLike, PgPoolClientLike, PgPoolLike } from './pg-like.js';
import { PgSession } from './session.js';

/** What the engine needs to know about the pool. */
export interface PoolEngineOptions {
  pool: PgPoolLike;
  hooks: EngineHooks;
  /** Milliseconds; 0 for none. */
  statementTimeoutMs: number;
  listener: PgListener;
  /** Ends the pool; absent when the caller owns it. */
  dispose?: () => Promise<void>;
}

/** How long connections get for a polite end. */
const FAREWELL_MS = 1_000;

/** A PostgreSQL server through a pool of connections. */
export class PoolEngine implements Engine {
  readonly kind = 'postgres';
  readonly singleSession = false;
  readonly #options: PoolEngineOptions;
  readonly #unsubscribe: () => void;
  readonly #clients = new Set<PgClientLike>();

  constructor(options: PoolEngineOptions) {
    this.#options = options;
    const { pool, hooks } = options;
    const connect = (client: PgClientLike): void => {
      this.#clients.add(client);
      hooks.connect();
    };
    const remove = (client: PgClientLike): void => {
      this.#clients.delete(client);
      hooks.disconnect();
    };
    const error = (cause: unknown): void => hooks.error(cause);
    pool.on('connect', connect).on('remove', remove).on('error', error);
    this.#unsubscribe = () => {
      pool.removeListener('connect', connect);
      pool.removeListener('remove', remove);
      pool.removeListener('error', error);
    };
  }

  async use<T>(fn: (session: Session) => Promise<T>): Promise<T> {
    const { forcedEnd } = this.#options.hooks;
    const asked = performance.now();
    const client = await this.#connect();
    const taken = performance.now();
    this.#options.hooks.acquire(taken - asked);
    const session = new PgSession(client, this.#options.statementTimeoutMs);
    const onError = (error: unknown): void => {
      session.break(error);
      this.#options.hooks.error(error);
    };
    client.on('error', onError);
    try {
      return await forcedEnd.race(fn(session));
    } finally {
      // After a forced end something may still run on the connection.
      if (forcedEnd.happened) session.break(closedError());
      client.release(session.retired);
      client.removeListener('error', onError);
      this.#options.hooks.release(performance.now() - taken);
    }
  }

  listen(channel: string, listener: ChannelListener): Promise<() => Promise<void>> {
    return this.#options.listener.listen(channel, listener);
  }

  gauges(): ReturnType<Engine['gauges']> {
    const { pool } = this.#options;
    return {
      size: pool.totalCount,
      max: pool.options.max ?? 10,
      checkedOut: pool.totalCount - pool.idleCount,
      available: pool.idleCount,
      waiting: pool.waitingCount,
    };
  }

  describe(): Record<string, unknown> {
    return { listener: this.#options.listener.state };
  }

  async close(): Promise<void> {
    await this.#options.listener.close();
    if (this.#options.dispose !== undefined) await this.#end(this.#options.dispose());
    this.#unsubscribe();
  }

  /** A farewell needs an answer, which a server that has fallen silent never gives. */
  async #end(farewell: Promise<void>): Promise<void> {
    const cut = (): void => {
      for (const client of this.#clients) destroyClient(client);
    };
    const timer = setTimeout(cut, this.#options.hooks.forcedEnd.happened ? 0 : FAREWELL_MS);
    await farewell;
    // The pool counts its connections out before they have ended.
    await this.#allRemoved();
    clearTimeout(timer);
  }

  #explain(error: unknown): SqlError {
    const { pool } = this.#options;
    const failure = toSqlError(error);
    // The driver's message is of connecting, which is not what took the time when all connections are in use.
    if (pool.totalCount < this.gauges().max || pool.idleCount > 0) return failure;
    if (failure.code !== 'SQL_UNAVAILABLE') return failure;
    return new SqlError(
      'SQL_UNAVAILABLE',
      `No connection became free in time: all ${pool.totalCount} of the pool are in use`,
      { cause: error, details: { ...failure.details, waiting: pool.waitingCount } },
    );
  }

  async #allRemoved(): Promise<void> {
    if (this.#clients.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#options.pool.on('remove', () => {
        if (this.#clients.size === 0) resolve();
      });
    });
  }

  async #connect(): Promise<PgPoolClientLike> {
    const { pool, hooks } = this.#options;
    if (hooks.forcedEnd.happened) throw closedError();
    const connecting = pool.connect();
    try {
      return await hooks.forcedEnd.race(connecting);
    } catch (error) {
      // Too late for whoever asked: back into the pool.
      connecting.then(
        (client) => client.release(),
        () => {},
      );
      throw this.#explain(error);
    }
  }
}
