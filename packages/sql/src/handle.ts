import { AsyncResource } from 'node:async_hooks';
import type {
  CloseReport,
  HealthReport,
  ListenOptions,
  QueryOptions,
  QueryResult,
  SqlDatabase,
  SqlEvents,
  SqlRow,
  SqlStats,
  SqlTransaction,
  Subscription,
  TransactionOptions,
} from './database.js';
import type { Duration } from './duration.js';
import { Emitter } from './emitter.js';
import { encodeValues } from './encode.js';
import { closedError, ForcedEnd } from './forced-end.js';
import type { Logger } from './logger.js';
import { milliseconds, timeLimit } from './options.js';
import { isInsideTransactionOf, refuseInsideTransaction } from './scope.js';
import type { Engine, EngineHooks, Session, SessionResult } from './session.js';
import { isRepeatable, toSqlError } from './sql-state.js';
import { StatementNames } from './statement-names.js';
import { traceStatement, traceTransaction } from './tracing.js';
import { type Committed, runTransaction, type StatementRunner } from './transaction.js';
import { resolveTransaction, retryDelay } from './transaction-options.js';

/** Makes an engine, which reports to the hooks. */
export type EngineFactory = (hooks: EngineHooks) => Engine | Promise<Engine>;

/** How long a database may take to answer and still pass for alive. */
const PROBE_MS = 5_000;

interface Counters {
  opened: number;
  closed: number;
  errors: number;
  queries: number;
}

/** A database handle over an engine. */
export class DatabaseHandle implements SqlDatabase {
  readonly engine: 'postgres' | 'pglite';
  readonly #engine: Engine;
  readonly #events: Emitter<SqlEvents>;
  readonly #logger: Logger;
  readonly #counters: Counters;
  readonly #running = new Set<Promise<unknown>>();
  readonly #forcedEnd: ForcedEnd;
  readonly #names = new StatementNames();
  #closing: Promise<CloseReport> | undefined;

  private constructor(
    engine: Engine,
    events: Emitter<SqlEvents>,
    counters: Counters,
    logger: Logger,
    forcedEnd: ForcedEnd,
  ) {
    this.#forcedEnd = forcedEnd;
    this.#engine = engine;
    this.engine = engine.kind;
    this.#events = events;
    this.#counters = counters;
    this.#logger = logger;
  }

  static async open(factory: EngineFactory, logger: Logger): Promise<DatabaseHandle> {
    const events = new Emitter<SqlEvents>(logger);
    const counters: Counters = { opened: 0, closed: 0, errors: 0, queries: 0 };
    const forcedEnd = new ForcedEnd();
    const engine = await factory({
      forcedEnd,
      acquire: (waitMs) => events.emit('acquire', () => ({ waitMs })),
      release: (heldMs) => events.emit('release', () => ({ heldMs })),
      connect: () => {
        counters.opened += 1;
        events.emit('connect', () => ({}));
      },
      disconnect: () => {
        counters.closed += 1;
        events.emit('disconnect', () => ({}));
      },
      error: (error) => {
        counters.errors += 1;
        logger.warn({ module: 'sql', err: error }, 'A database connection failed');
        events.emit('error', () => ({ error }));
      },
    });
    return new DatabaseHandle(engine, events, counters, logger, forcedEnd);
  }

  query<Row extends SqlRow = SqlRow>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<Row>> {
    return this.#track('A statement', async () => {
      const result = await this.#engine.use((session) =>
        this.#statement(session, text, values, options),
      );
      return { rows: result.rows as Row[], rowCount: result.rowCount };
    });
  }

  async exec(script: string, options?: { timeout?: Duration }): Promise<void> {
    await this.#track('A script', () =>
      this.#engine.use((session) => this.#script(session, script, options)),
    );
  }

  transaction<T>(fn: (tx: SqlTransaction) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return this.#track('A transaction', async () => {
      const plan = resolveTransaction(options);
      const { result, callbacks } = await traceTransaction(() => this.#attempts(plan, fn));
      for (const callback of callbacks) this.#guard(callback);
      return result;
    });
  }

  listen(
    channel: string,
    handler: (payload: string) => void,
    options?: ListenOptions,
  ): Promise<Subscription> {
    return this.#track('listen', async () => {
      // In the context of whoever listens, not of whoever happened to notify.
      const remove = await this.#engine.listen(channel, {
        handler: AsyncResource.bind((payload: string) => this.#guard(() => handler(payload))),
        onReconnect: AsyncResource.bind(() => this.#guard(() => options?.onReconnect?.())),
      });
      let closing: Promise<void> | undefined;
      const close = (): Promise<void> => {
        closing ??= remove();
        return closing;
      };
      return { close, [Symbol.asyncDispose]: close };
    });
  }

  async notify(channel: string, payload = ''): Promise<void> {
    await this.query('SELECT pg_notify($1, $2)', [channel, payload], { name: 'holdfast_notify' });
  }

  on<Type extends keyof SqlEvents>(
    type: Type,
    handler: (event: SqlEvents[Type]) => void,
  ): () => void {
    return this.#events.on(type, handler);
  }

  stats(): SqlStats {
    return { engine: this.engine, ...this.#engine.gauges(), ...this.#counters };
  }

  async health(): Promise<HealthReport> {
    const details = { ...this.#engine.describe(), ...this.stats() };
    if (this.#closing !== undefined) {
      return { status: 'unhealthy', details: { ...details, error: 'closed' } };
    }
    // A probe would wait for the transaction it is called from, which shows that the session works.
    if (this.#engine.singleSession && isInsideTransactionOf(this)) {
      return { status: 'healthy', details };
    }
    const started = performance.now();
    const problem = await this.#probe();
    if (problem !== undefined)
      return { status: 'unhealthy', details: { ...details, error: problem } };
    const status = details.waiting > 0 && details.available === 0 ? 'degraded' : 'healthy';
    return { status, details: { ...details, latencyMs: performance.now() - started } };
  }

  async close(options?: { deadline?: Duration }): Promise<CloseReport> {
    if (this.#closing === undefined) {
      const deadlineMs = milliseconds('deadline', options?.deadline ?? '10s');
      this.#closing = this.#close(deadlineMs);
    }
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What is wrong, if anything is. */
  async #probe(): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`no answer within ${PROBE_MS} ms`), PROBE_MS);
    });
    const answer = this.query('SELECT 1').then(
      () => undefined,
      (error: unknown) => toSqlError(error).message,
    );
    const problem = await Promise.race([answer, late]);
    clearTimeout(timer);
    return problem;
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const started = performance.now();
    const drained = await this.#drain(deadlineMs);
    if (!drained) this.#forcedEnd.now();
    await this.#engine.close();
    this.#events.clear();
    return { drained, durationMs: performance.now() - started };
  }

  /** Waits for everything that runs, also for what that starts; false when the deadline comes first. */
  async #drain(deadlineMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), deadlineMs);
    });
    const ended = async (): Promise<boolean> => {
      while (this.#running.size > 0) await Promise.allSettled(this.#running);
      return true;
    };
    const drained = await Promise.race([ended(), deadline]);
    clearTimeout(timer);
    return drained;
  }

  /** Refuses calls on a closed handle and remembers running ones, so that close can wait for them. */
  async #track<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw closedError();
    if (this.#engine.singleSession) refuseInsideTransaction(this, what);
    const running = call();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #attempts<T>(
    plan: ReturnType<typeof resolveTransaction>,
    fn: (tx: SqlTransaction) => Promise<T>,
  ): Promise<Committed<T>> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#engine.use((session) => {
          session.lazyCommit = plan.lazyCommit;
          return this.#attempt(session, plan.begin, fn);
        });
      } catch (error) {
        if (attempt >= plan.retries || !isRepeatable(error) || this.#forcedEnd.happened)
          throw error;
        await retryDelay(attempt);
      }
    }
  }

  async #attempt<T>(
    session: Session,
    begin: string,
    fn: (tx: SqlTransaction) => Promise<T>,
  ): Promise<Committed<T>> {
    const runner: StatementRunner = {
      query: (text, values, options) => this.#statement(session, text, values, options),
      script: (text, options) => this.#script(session, text, options),
    };
    session.inTransaction = true;
    try {
      return await runTransaction(this, runner, begin, fn);
    } finally {
      session.inTransaction = false;
    }
  }

  async #statement(
    session: Session,
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
  ): Promise<SessionResult> {
    const encoded = encodeValues(values ?? []);
    this.#names.check(options?.name, text);
    const timeoutMs = timeLimit(options?.timeout);
    return this.#observe(text, options?.name, () =>
      session.query(text, encoded, { name: options?.name, timeoutMs }),
    );
  }

  #script(
    session: Session,
    text: string,
    options: { timeout?: Duration } | undefined,
  ): Promise<SessionResult> {
    const timeoutMs = timeLimit(options?.timeout);
    return this.#observe(text, undefined, () => session.script(text, { timeoutMs }));
  }

  async #observe(
    text: string,
    name: string | undefined,
    statement: () => Promise<SessionResult>,
  ): Promise<SessionResult> {
    this.#counters.queries += 1;
    const started = performance.now();
    const report = (rowCount: number, error: unknown): void =>
      this.#events.emit('query', () => {
        return { text, name, durationMs: performance.now() - started, rowCount, error };
      });
    try {
      const result = await traceStatement(text, statement);
      report(result.rowCount, undefined);
      return result;
    } catch (error) {
      const failure = toSqlError(error);
      report(0, failure);
      throw failure;
    }
  }

  #guard(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.#logger.error({ module: 'sql', err: error }, 'A callback of the database handle threw');
    }
  }
}
