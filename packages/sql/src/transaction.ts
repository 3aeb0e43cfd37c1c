import type { QueryOptions, QueryResult, SqlRow, SqlTransaction } from './database.js';
import type { Duration } from './duration.js';
import { SqlError, type SqlErrorCode } from './errors.js';
import { currentScope, isInside, runInScope, type Scope } from './scope.js';
import { Serial } from './serial.js';
import type { SessionResult } from './session.js';
import { toSqlError } from './sql-state.js';

/** Runs statements on the session of the transaction, and counts them. */
export interface StatementRunner {
  query(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
  ): Promise<SessionResult>;
  script(text: string, options: { timeout?: Duration } | undefined): Promise<SessionResult>;
}

/** What the levels of one transaction share. */
interface Shared {
  readonly owner: object;
  readonly runner: StatementRunner;
  readonly serial: Serial;
  savepoints: number;
}

/** One level of a transaction: the outermost one or a savepoint. */
class TransactionLevel implements SqlTransaction {
  readonly scope: Scope;
  readonly callbacks: (() => void)[] = [];
  readonly #shared: Shared;
  /** Settles when the open savepoint below this level has ended. */
  #child: Promise<void> | undefined;
  #childScope: Scope | undefined;
  #closed = false;
  /** The first error of a statement at this level: after it Postgres refuses all others. */
  failure: SqlError | undefined;

  constructor(shared: Shared, parent: Scope | undefined) {
    this.#shared = shared;
    this.scope = { owner: shared.owner, parent, active: true };
  }

  query<Row extends SqlRow = SqlRow>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<Row>> {
    return this.#step(async () => {
      const result = await this.#shared.runner.query(text, values, options);
      return { rows: result.rows as Row[], rowCount: result.rowCount };
    });
  }

  async exec(script: string, options?: { timeout?: Duration }): Promise<void> {
    await this.#step(() => this.#shared.runner.script(script, options));
  }

  afterCommit(fn: () => void): void {
    this.#assertOpen();
    this.callbacks.push(fn);
  }

  async transaction<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    while (this.#child !== undefined) await this.#endOfChild();
    this.#assertOpen();
    const child = new TransactionLevel(this.#shared, this.scope);
    this.#childScope = child.scope;
    const run = this.#runSavepoint(child, fn);
    this.#child = run.then(
      () => this.#forgetChild(),
      () => this.#forgetChild(),
    );
    return run;
  }

  /** Runs `fn`, then waits for what it left running; from then on the level takes no more statements. */
  async runBody<T>(fn: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    try {
      const result = await runInScope(this.scope, () => fn(this));
      while (this.#child !== undefined) await this.#child;
      return result;
    } finally {
      this.close();
    }
  }

  /** Ends the level for its users; a handler that a commit wakes up may use the database again. */
  close(): void {
    this.#closed = true;
    this.scope.active = false;
  }

  /** One control statement (`COMMIT`, `SAVEPOINT` …), behind all statements that were sent before. */
  control(text: string): Promise<SessionResult> {
    return this.#shared.serial.run(() => this.#shared.runner.script(text, undefined));
  }

  #forgetChild(): void {
    this.#child = undefined;
    this.#childScope = undefined;
  }

  async #runSavepoint<T>(
    child: TransactionLevel,
    fn: (tx: SqlTransaction) => Promise<T>,
  ): Promise<T> {
    this.#shared.savepoints += 1;
    const name = `holdfast_${this.#shared.savepoints}`;
    await this.control(`SAVEPOINT ${name}`).catch((error: unknown) => {
      child.close();
      throw this.#remember(error);
    });
    try {
      const result = await child.runBody(fn);
      await child.control(`RELEASE SAVEPOINT ${name}`).catch((error: unknown) => {
        throw child.failure === undefined ? toSqlError(error) : abortedBy(child.failure);
      });
      this.callbacks.push(...child.callbacks);
      return result;
    } catch (error) {
      await this.control(`ROLLBACK TO SAVEPOINT ${name}; RELEASE SAVEPOINT ${name}`).catch(
        (rollbackError: unknown) => this.#remember(rollbackError),
      );
      throw error;
    }
  }

  async #step<T>(statement: () => Promise<T>): Promise<T> {
    // Without an open savepoint there is no await here, so that statements keep the order of their calls.
    while (this.#child !== undefined) await this.#endOfChild();
    this.#assertOpen();
    try {
      return await this.#shared.serial.run(statement);
    } catch (error) {
      throw this.#remember(error);
    }
  }

  #endOfChild(): Promise<void> | undefined {
    if (this.#childScope === undefined || !isInside(this.#childScope)) return this.#child;
    throw new SqlError(
      'SQL_STATEMENT_INVALID',
      'A call on the outer transaction inside a nested one would wait for itself: use the inner `tx`',
    );
  }

  #remember(error: unknown): SqlError {
    const failure = toSqlError(error);
    // Without a SQLSTATE it never reached the server, or the connection is gone: nothing is aborted.
    if (failure.details?.sqlState !== undefined) this.failure ??= failure;
    return failure;
  }

  #assertOpen(): void {
    if (this.#closed) {
      throw new SqlError(
        'SQL_STATEMENT_INVALID',
        'The transaction has ended: await every statement inside the function given to `transaction`',
      );
    }
  }
}

/** The code of an error behind which a swallowed one stands. */
function abortedBy(failure: SqlError): SqlError {
  return new SqlError(
    failure.code as SqlErrorCode,
    `Rolled back, because a statement in it had failed: ${failure.message}`,
    { cause: failure, details: { ...failure.details } },
  );
}

/** A transaction's result, with what is to be called now that it is committed. */
export interface Committed<T> {
  readonly result: T;
  readonly callbacks: readonly (() => void)[];
}

/** Runs one attempt of a transaction. */
export async function runTransaction<T>(
  owner: object,
  runner: StatementRunner,
  begin: string,
  fn: (tx: SqlTransaction) => Promise<T>,
): Promise<Committed<T>> {
  const shared: Shared = { owner, runner, serial: new Serial(), savepoints: 0 };
  const level = new TransactionLevel(shared, currentScope());
  try {
    await level.control(begin);
    const result = await level.runBody(fn);
    await commit(level);
    return { result, callbacks: level.callbacks };
  } catch (error) {
    level.close();
    // Fails only together with the connection, whose end rolls back as well.
    await level.control('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Commits. Postgres answers the COMMIT of an aborted transaction with ROLLBACK and no error. */
async function commit(level: TransactionLevel): Promise<void> {
  const { command } = await level.control('COMMIT').catch((error: unknown) => {
    const failure = toSqlError(error);
    if (failure.details?.sqlState !== undefined) throw failure;
    throw new SqlError(
      failure.code,
      `The connection was lost during COMMIT, so whether the transaction was committed is unknown: ${failure.message}`,
      { cause: error, details: { ...failure.details, outcome: 'unknown' } },
    );
  });
  if (command !== 'ROLLBACK') return;
  throw level.failure === undefined
    ? new SqlError(
        'SQL_STATEMENT_INVALID',
        'The transaction was rolled back by one of its statements',
      )
    : abortedBy(level.failure);
}
