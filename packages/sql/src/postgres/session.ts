import { decoderOf } from '../decode.js';
import { SqlError } from '../errors.js';
import type { Session, SessionResult, StatementOptions } from '../session.js';
import { isStalePlan, sqlState } from '../sql-state.js';
import { destroyClient } from './destroy-client.js';
import type { PgClientLike, PgResult, PgStatement } from './pg-like.js';

/** How much later than the server the client gives up: only when the server cannot be heard any more. */
const GRACE_MS = 1_000;

/** Types are read per statement; `pg`'s own parsers, which are global, are left alone. */
const types = { getTypeParser: (oid: number) => decoderOf(oid) };

/** A session on a connection of `pg`. */
export class PgSession implements Session {
  inTransaction = false;
  lazyCommit = false;
  /** Set when the connection must not be used again. */
  retired = false;
  readonly #client: PgClientLike;
  /** The database's limit, which the server applies by itself; 0 for none. */
  readonly #limitMs: number;
  #broken: unknown;

  constructor(client: PgClientLike, limitMs: number) {
    this.#client = client;
    this.#limitMs = limitMs;
  }

  /** Notes that nobody knows any more what the connection does, and cuts it. */
  break(cause: unknown): void {
    this.#broken ??= cause;
    this.retired = true;
    destroyClient(this.#client);
  }

  async query(
    text: string,
    values: readonly unknown[],
    options: StatementOptions,
  ): Promise<SessionResult> {
    // Extended also without parameters: then one text is one statement, as on PGlite.
    const statement: PgStatement = {
      text,
      values: values.map(asBuffer),
      types,
      queryMode: 'extended',
    };
    const { name } = options;
    if (name === undefined) return this.#limited(statement, options.timeoutMs);
    try {
      return await this.#limited({ ...statement, name }, options.timeoutMs);
    } catch (error) {
      if (!isStalePlan(error)) throw error;
      // The driver prepares a name once a connection: this one would never run the statement again.
      this.retired = true;
      if (this.inTransaction) throw error;
      return this.#limited(statement, options.timeoutMs);
    }
  }

  script(text: string, options: StatementOptions): Promise<SessionResult> {
    return this.#limited({ text, types }, options.timeoutMs);
  }

  #limited(statement: PgStatement, timeoutMs: number | undefined): Promise<SessionResult> {
    if (timeoutMs === undefined || timeoutMs === this.#limitMs) {
      return this.#send(statement, this.#limitMs);
    }
    return this.#limitedTo(statement, timeoutMs);
  }

  async #limitedTo(statement: PgStatement, timeoutMs: number): Promise<SessionResult> {
    await this.#setLimit(timeoutMs);
    try {
      return await this.#send(statement, timeoutMs);
    } finally {
      await this.#resetLimit();
    }
  }

  /** After an error in a transaction this fails, and the rollback (to the savepoint or whole) does it instead. */
  async #resetLimit(): Promise<void> {
    try {
      await this.#setLimit(this.#limitMs);
    } catch {
      if (!this.inTransaction) this.retired = true;
    }
  }

  async #setLimit(timeoutMs: number): Promise<void> {
    const local = this.inTransaction ? 'LOCAL ' : '';
    await this.#send({ text: `SET ${local}statement_timeout = ${timeoutMs}` }, this.#limitMs);
  }

  async #send(statement: PgStatement, limitMs: number): Promise<SessionResult> {
    if (this.#broken !== undefined) {
      throw new SqlError('SQL_UNAVAILABLE', 'The connection was lost', { cause: this.#broken });
    }
    if (limitMs > 0) statement.query_timeout = limitMs + GRACE_MS;
    try {
      return lastResult(await this.#client.query(statement));
    } catch (error) {
      if (sqlState(error) === undefined) this.break(error);
      throw isReadTimeout(error) ? silentServer(error, limitMs) : error;
    }
  }
}

/** `pg` takes Buffers for bytes and other typed arrays for lists. */
function asBuffer(value: unknown): unknown {
  if (!(value instanceof Uint8Array) || Buffer.isBuffer(value)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function lastResult(result: PgResult | PgResult[]): SessionResult {
  const last = Array.isArray(result) ? result.at(-1) : result;
  if (last === undefined) return { rows: [], rowCount: 0, command: '' };
  return { rows: last.rows, rowCount: last.rowCount ?? last.rows.length, command: last.command };
}

function isReadTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

function silentServer(cause: unknown, limitMs: number): SqlError {
  return new SqlError(
    'SQL_TIMEOUT',
    `No answer within ${limitMs} ms, nor in the second after that in which the server should have cancelled the statement: the connection was given up`,
    { cause },
  );
}
