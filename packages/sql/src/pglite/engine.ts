import { Breather } from '../breather.js';
import { Channels } from '../channels.js';
import { isSqlError, SqlError } from '../errors.js';
import { closedError } from '../forced-end.js';
import { quoteIdentifier } from '../identifier.js';
import type { ChannelListener, Engine, EngineHooks, Session } from '../session.js';
import type { PgliteLike } from './pglite-like.js';
import { type PgliteConnection, PgliteSession, type ProtocolWriter } from './session.js';
import { Turns } from './turns.js';

/** What the engine needs to know about the instance. */
export interface PgliteEngineOptions {
  db: PgliteLike;
  writer: ProtocolWriter;
  hooks: EngineHooks;
  /** Closes the instance; absent when the caller owns it. */
  dispose?: () => Promise<void>;
  /** Called after a transaction that did not wait for the disk. */
  onLazyCommit?: () => void;
  /** Facts for the health report. */
  describe?: () => Record<string, unknown>;
}

/** Statements are prepared in the session of the instance, whichever handle did it. */
const PREPARED = new WeakMap<object, Set<string>>();

function preparedOf(db: object): Set<string> {
  const known = PREPARED.get(db) ?? new Set();
  PREPARED.set(db, known);
  return known;
}

/** PGlite: one session, used in turns. */
export class PgliteEngine implements Engine {
  readonly kind = 'pglite';
  readonly singleSession = true;
  readonly #options: PgliteEngineOptions;
  readonly #turns = new Turns();
  readonly #connection: PgliteConnection;
  readonly #channels = new Channels();
  readonly #stopNotifications: () => void;
  #crashed = false;
  #closed = false;

  constructor(options: PgliteEngineOptions) {
    this.#options = options;
    const { db, writer } = options;
    this.#connection = { db, writer, prepared: preparedOf(db), breather: new Breather() };
    this.#stopNotifications = options.db.onNotification((channel, payload) =>
      this.#channels.dispatch(channel, payload),
    );
    options.hooks.connect();
  }

  async use<T>(fn: (session: Session) => Promise<T>): Promise<T> {
    const { hooks } = this.#options;
    const asked = performance.now();
    return hooks.forcedEnd.race(
      this.#turns.run(async () => {
        if (hooks.forcedEnd.happened || this.#closed) throw closedError();
        const taken = performance.now();
        hooks.acquire(taken - asked);
        try {
          return await this.#turn(fn);
        } finally {
          hooks.release(performance.now() - taken);
        }
      }),
    );
  }

  async listen(channel: string, listener: ChannelListener): Promise<() => Promise<void>> {
    const quoted = quoteIdentifier(channel, 'channel');
    this.#channels.add(channel, listener);
    try {
      await this.#command(`LISTEN ${quoted}`);
    } catch (error) {
      this.#channels.remove(channel, listener);
      throw error;
    }
    return async () => {
      const last = this.#channels.remove(channel, listener);
      // On an instance of the caller somebody else may listen to the channel: it is left as it is.
      if (!last || this.#closed || this.#options.dispose === undefined) return;
      await this.#command(`UNLISTEN ${quoted}`).catch(() => {});
      if (this.#channels.has(channel)) await this.#command(`LISTEN ${quoted}`);
    };
  }

  gauges(): ReturnType<Engine['gauges']> {
    const size = this.#closed ? 0 : 1;
    const checkedOut = this.#turns.busy ? size : 0;
    return {
      size,
      max: 1,
      checkedOut,
      available: size - checkedOut,
      waiting: this.#turns.waiting,
    };
  }

  describe(): Record<string, unknown> {
    return this.#options.describe?.() ?? {};
  }

  async close(): Promise<void> {
    this.#stopNotifications();
    // Behind the turn that a forced end is ending: it rolls its transaction back first.
    await this.#turns.run(async () => {
      this.#closed = true;
      await this.#options.dispose?.();
    });
    this.#options.hooks.disconnect();
  }

  #command(text: string): Promise<unknown> {
    return this.use((session) => session.script(text, {}));
  }

  #turn<T>(fn: (session: Session) => Promise<T>): Promise<T> {
    const { db, hooks, onLazyCommit } = this.#options;
    // PGlite's own lock keeps transactions of an instance's owner apart from ours.
    return db._runExclusiveTransaction(async () => {
      if (this.#crashed) throw crashedError();
      const session = new PgliteSession(this.#connection);
      try {
        return await hooks.forcedEnd.race(fn(session));
      } catch (error) {
        this.#noticeCrash(error);
        throw error;
      } finally {
        await session.end();
        if (session.lazyCommit) onLazyCommit?.();
      }
    });
  }

  #noticeCrash(error: unknown): void {
    if (!isSqlError(error) || error.details?.crashed !== true) return;
    this.#crashed = true;
    this.#options.hooks.error(error);
  }
}

function crashedError(): SqlError {
  return new SqlError(
    'SQL_UNAVAILABLE',
    'PGlite stopped in the middle of a statement and cannot go on in this process: open the database again',
    { details: { crashed: true } },
  );
}
