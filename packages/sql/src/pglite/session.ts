import type { WireValue } from '../encode.js';
import { SqlError } from '../errors.js';
import type { Session, SessionResult, StatementOptions } from '../session.js';
import { readResult } from './messages.js';
import type { PgliteLike } from './pglite-like.js';

/** PGlite's message writers. */
export interface ProtocolWriter {
  parse(options: { name?: string; text: string }): Uint8Array;
  bind(options: { statement?: string; values: (string | Uint8Array | null)[] }): Uint8Array;
  describe(options: { type: 'S' | 'P'; name?: string }): Uint8Array;
  execute(options?: { portal?: string }): Uint8Array;
  query(text: string): Uint8Array;
  sync(): Uint8Array;
}

/**
 * The one session of a PGlite instance. A statement is one batch of protocol messages (parse, bind, describe, execute,
 * sync), as a client of a server would send it: PGlite's own `query` makes six separate calls of it.
 */
export class PgliteSession implements Session {
  inTransaction = false;
  readonly #db: PgliteLike;
  readonly #write: ProtocolWriter;
  /** Texts of the statements prepared under a name; the same map for all turns on an instance. */
  readonly #prepared: Map<string, string>;
  #ended = false;

  constructor(db: PgliteLike, writer: ProtocolWriter, prepared: Map<string, string>) {
    this.#db = db;
    this.#write = writer;
    this.#prepared = prepared;
  }

  /** Ends the turn: what is still sent fails. An open transaction is rolled back. */
  async end(): Promise<void> {
    if (this.inTransaction) await this.script('ROLLBACK', {}).catch(() => {});
    this.#ended = true;
  }

  async query(
    text: string,
    values: readonly unknown[],
    options: StatementOptions,
  ): Promise<SessionResult> {
    const { name } = options;
    const known = this.#isPrepared(name, text);
    const statement = name === undefined ? {} : { statement: name };
    const batch = Buffer.concat([
      ...(known ? [] : [this.#write.parse(name === undefined ? { text } : { name, text })]),
      this.#write.bind({ ...statement, values: values as WireValue[] }),
      this.#write.describe({ type: 'P' }),
      this.#write.execute(),
      this.#write.sync(),
    ]);
    return this.#send(batch, () => {
      if (name !== undefined) this.#prepared.set(name, text);
    });
  }

  script(text: string, _options: StatementOptions): Promise<SessionResult> {
    return this.#send(this.#write.query(text));
  }

  #isPrepared(name: string | undefined, text: string): boolean {
    if (name === undefined) return false;
    const prepared = this.#prepared.get(name);
    if (prepared === undefined || prepared === text) return prepared !== undefined;
    throw new SqlError(
      'SQL_STATEMENT_INVALID',
      `The statement name ${JSON.stringify(name)} was used for another text: one name always stands for one text`,
      { details: { name } },
    );
  }

  async #send(batch: Uint8Array, onParsed?: () => void): Promise<SessionResult> {
    if (this.#ended) throw new SqlError('SQL_CLOSED', 'The database is closed');
    const messages = await this.#db.execProtocolStream(batch, {
      syncToFs: !this.inTransaction,
      throwOnError: false,
    });
    // A statement can be prepared although its execution failed: the server then knows the name.
    if (messages.some((message) => message.name === 'parseComplete')) onParsed?.();
    const failure = messages.find((message) => message.name === 'error');
    if (failure !== undefined) throw failure;
    // PGlite swallows what stops its WebAssembly program half-way, such as a PANIC after a failed fsync: the only
    // sign is an answer that does not end as every answer does.
    if (messages.at(-1)?.name !== 'readyForQuery') {
      throw new SqlError('SQL_UNAVAILABLE', 'PGlite stopped in the middle of a statement', {
        details: { crashed: true },
      });
    }
    return readResult(messages);
  }
}
