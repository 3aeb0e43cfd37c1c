import type { Breather } from '../breather.js';
import type { WireValue } from '../encode.js';
import { SqlError } from '../errors.js';
import { closedError } from '../forced-end.js';
import type { Session, SessionResult, StatementOptions } from '../session.js';
import { isStalePlan } from '../sql-state.js';
import { readResult } from './messages.js';
import type { PgliteLike, ProtocolMessage } from './pglite-like.js';

/** PGlite's message writers. */
export interface ProtocolWriter {
  parse(options: { name?: string; text: string }): Uint8Array;
  bind(options: { statement?: string; values: (string | Uint8Array | null)[] }): Uint8Array;
  describe(options: { type: 'S' | 'P'; name?: string }): Uint8Array;
  execute(options?: { portal?: string }): Uint8Array;
  close(options: { type: 'S' | 'P'; name?: string }): Uint8Array;
  query(text: string): Uint8Array;
  sync(): Uint8Array;
}

/** What the turns on one instance share. */
export interface PgliteConnection {
  readonly db: PgliteLike;
  readonly writer: ProtocolWriter;
  /** Names of the statements that the session knows. */
  readonly prepared: Set<string>;
  readonly breather: Breather;
}

/**
 * One turn on the session of a PGlite instance. A statement is one batch of protocol messages (parse, bind, describe,
 * execute, sync), as a client of a server would send it: PGlite's own `query` makes seven separate calls of it.
 */
export class PgliteSession implements Session {
  inTransaction = false;
  lazyCommit = false;
  readonly #connection: PgliteConnection;
  #unsynced = false;
  #ended = false;

  constructor(connection: PgliteConnection) {
    this.#connection = connection;
  }

  /** Ends the turn: what is still sent fails. An open transaction is rolled back. */
  async end(): Promise<void> {
    if (this.inTransaction) await this.script('ROLLBACK', {}).catch(() => {});
    this.#ended = true;
    // File systems that only keep a copy write it here, once a transaction.
    if (this.#unsynced) await this.#connection.db.syncToFs();
  }

  async query(
    text: string,
    values: readonly unknown[],
    options: StatementOptions,
  ): Promise<SessionResult> {
    const { name } = options;
    try {
      return await this.#run(text, values, name);
    } catch (error) {
      if (name === undefined || !isStalePlan(error)) throw error;
      await this.#forget(name);
      if (this.inTransaction) throw error;
      return this.#run(text, values, name);
    }
  }

  async script(text: string, _options: StatementOptions): Promise<SessionResult> {
    return readResult(await this.#send(this.#connection.writer.query(text)));
  }

  async #run(
    text: string,
    values: readonly unknown[],
    name: string | undefined,
  ): Promise<SessionResult> {
    const { writer, prepared } = this.#connection;
    const known = name !== undefined && prepared.has(name);
    const statement = name === undefined ? {} : { statement: name };
    const batch = Buffer.concat([
      ...(known ? [] : [writer.parse(name === undefined ? { text } : { name, text })]),
      writer.bind({ ...statement, values: values as WireValue[] }),
      writer.describe({ type: 'P' }),
      writer.execute(),
      writer.sync(),
    ]);
    return readResult(await this.#send(batch, name));
  }

  async #forget(name: string): Promise<void> {
    const { writer, prepared } = this.#connection;
    prepared.delete(name);
    await this.#send(Buffer.concat([writer.close({ type: 'S', name }), writer.sync()]));
  }

  async #send(batch: Uint8Array, name?: string): Promise<ProtocolMessage[]> {
    const { db, prepared, breather } = this.#connection;
    const pause = breather.breathe();
    if (pause !== undefined) await pause;
    if (this.#ended) throw closedError();
    this.#unsynced = true;
    const messages = await db.execProtocolStream(batch, { syncToFs: false, throwOnError: false });
    const has = (type: string): boolean => messages.some((message) => message.name === type);
    // A statement can be prepared although its execution failed: the server then knows the name.
    if (name !== undefined && has('parseComplete')) prepared.add(name);
    const failure = messages.find((message) => message.name === 'error');
    if (failure !== undefined && has('readyForQuery')) throw failure;
    // PGlite swallows what stops its WebAssembly program half-way, such as a PANIC after a failed fsync: the only
    // sign is an answer that does not end as every answer does.
    if (!has('readyForQuery')) {
      throw new SqlError('SQL_UNAVAILABLE', 'PGlite stopped in the middle of a statement', {
        cause: failure,
        details: { crashed: true },
      });
    }
    return messages;
  }
}
