import { closedError, unlessAborted } from '../aborted.js';
import type { ChannelListener, Engine, EngineHooks, Session } from '../session.js';
import { toSqlError } from '../sql-state.js';
import { destroyClient } from './destroy-client.js';
import type { PgListener } from './listener.js';
import type { PgPoolClientLike, PgPoolLike } from './pg-like.js';
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

/** A PostgreSQL server through a pool of connections. */
export class PoolEngine implements Engine {
  readonly kind = 'postgres';
  readonly singleSession = false;
  readonly #options: PoolEngineOptions;
  readonly #unsubscribe: () => void;

  constructor(options: PoolEngineOptions) {
    this.#options = options;
    const { pool, hooks } = options;
    const connect = (): void => hooks.connect();
    const remove = (): void => hooks.disconnect();
    const error = (cause: unknown): void => hooks.error(cause);
    pool.on('connect', connect).on('remove', remove).on('error', error);
    this.#unsubscribe = () => {
      pool.removeListener('connect', connect);
      pool.removeListener('remove', remove);
      pool.removeListener('error', error);
    };
  }

  async use<T>(fn: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> {
    const asked = performance.now();
    const client = await this.#connect(signal);
    const taken = performance.now();
    this.#options.hooks.acquire(taken - asked);
    const session = new PgSession(client, this.#options.statementTimeoutMs);
    const onError = (error: unknown): void => {
      session.broken = true;
      this.#options.hooks.error(error);
    };
    client.on('error', onError);
    try {
      return await unlessAborted(fn(session), signal);
    } finally {
      // A transaction that is still open here was not ended by its code: the connection is of no more use.
      const broken = session.broken || session.inTransaction;
      if (broken) destroyClient(client);
      client.release(broken);
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
    await this.#options.dispose?.();
    this.#unsubscribe();
  }

  async #connect(signal: AbortSignal): Promise<PgPoolClientLike> {
    if (signal.aborted) throw closedError();
    const connecting = this.#options.pool.connect();
    try {
      return await unlessAborted(connecting, signal);
    } catch (error) {
      // Too late for whoever asked: back into the pool.
      connecting.then(
        (client) => client.release(),
        () => {},
      );
      throw toSqlError(error);
    }
  }
}
