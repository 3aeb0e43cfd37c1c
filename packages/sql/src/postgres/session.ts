import { decoderOf } from '../decode.js';
import type { Session, SessionResult, StatementOptions } from '../session.js';
import type { PgClientLike, PgResult, PgStatement } from './pg-like.js';

/** How much later than the server the client gives up: only when the server cannot be heard any more. */
const GRACE_MS = 1_000;

/** Types are read per statement; `pg`'s own parsers, which are global, are left alone. */
const types = { getTypeParser: (oid: number) => decoderOf(oid) };

/** A session on a connection of `pg`. */
export class PgSession implements Session {
  inTransaction = false;
  /** Set when the connection must not be used again: its state is unknown. */
  broken = false;
  readonly #client: PgClientLike;
  /** The database's limit, which the server applies by itself; 0 for none. */
  readonly #limitMs: number;

  constructor(client: PgClientLike, limitMs: number) {
    this.#client = client;
    this.#limitMs = limitMs;
  }

  query(
    text: string,
    values: readonly unknown[],
    options: StatementOptions,
  ): Promise<SessionResult> {
    const { name } = options;
    // Extended also without parameters: then one text is one statement, as on PGlite.
    const statement: PgStatement = {
      text,
      values: values.map(asBuffer),
      types,
      queryMode: 'extended',
    };
    if (name !== undefined) statement.name = name;
    return this.#limited(statement, options.timeoutMs);
  }

  script(text: string, options: StatementOptions): Promise<SessionResult> {
    return this.#limited({ text, types }, options.timeoutMs);
  }

  async #limited(statement: PgStatement, timeoutMs: number | undefined): Promise<SessionResult> {
    if (timeoutMs === undefined || timeoutMs === this.#limitMs) {
      return this.#send(statement, this.#limitMs);
    }
    await this.#setLimit(timeoutMs);
    try {
      const result = await this.#send(statement, timeoutMs);
      await this.#setLimit(this.#limitMs);
      return result;
    } catch (error) {
      // In a transaction the rollback, to the savepoint or whole, takes the setting back.
      if (!this.inTransaction && !this.broken) await this.#setLimit(this.#limitMs);
      throw error;
    }
  }

  async #setLimit(timeoutMs: number): Promise<void> {
    const local = this.inTransaction ? 'LOCAL ' : '';
    await this.#send({ text: `SET ${local}statement_timeout = ${timeoutMs}` }, this.#limitMs);
  }

  async #send(statement: PgStatement, limitMs: number): Promise<SessionResult> {
    if (limitMs > 0) statement.query_timeout = limitMs + GRACE_MS;
    try {
      return lastResult(await this.#client.query(statement));
    } catch (error) {
      // Not an answer of the server: what it does with the statement, and when, is unknown.
      if (!isServerAnswer(error)) this.broken = true;
      throw error;
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

/** Errors that end the session carry the severity FATAL or PANIC. */
function isServerAnswer(error: unknown): boolean {
  const { severity } = error as { severity?: unknown };
  return severity === 'ERROR';
}
