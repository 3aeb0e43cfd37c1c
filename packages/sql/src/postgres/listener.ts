import { Channels } from '../channels.js';
import { SqlError } from '../errors.js';
import { quoteIdentifier } from '../identifier.js';
import type { Logger } from '../logger.js';
import { Serial } from '../serial.js';
import type { ChannelListener } from '../session.js';
import { toSqlError } from '../sql-state.js';
import { destroyClient } from './destroy-client.js';
import type { PgClientLike } from './pg-like.js';

/** A connection for notifications alone, and how to end it. */
export interface ListenerConnection {
  client: PgClientLike;
  end(): void;
}

/** What the listener needs. */
export interface PgListenerOptions {
  connect: () => Promise<ListenerConnection>;
  logger: Logger;
  onError: (error: unknown) => void;
}

interface Notification {
  channel: string;
  payload?: string;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** How often a silent connection is asked whether it still lives, and how long it may take to answer. */
const HEARTBEAT_MS = 30_000;
const COMMAND_MS = 10_000;

/** Listens on one connection for all channels and replaces it when it is lost. */
export class PgListener {
  readonly #options: PgListenerOptions;
  readonly #channels = new Channels();
  readonly #serial = new Serial();
  #stopped = false;
  #reconnecting = false;
  #wake: () => void = () => {};
  #connection: ListenerConnection | undefined;
  #connecting: Promise<ListenerConnection> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: PgListenerOptions) {
    this.#options = options;
  }

  /** For the health report. */
  get state(): 'off' | 'listening' | 'reconnecting' {
    if (this.#connection !== undefined) return 'listening';
    return this.#channels.size > 0 ? 'reconnecting' : 'off';
  }

  async listen(channel: string, listener: ChannelListener): Promise<() => Promise<void>> {
    const quoted = quoteIdentifier(channel, 'channel');
    this.#channels.add(channel, listener);
    try {
      const { client } = await this.#connected();
      await this.#command(client, `LISTEN ${quoted}`);
    } catch (error) {
      this.#channels.remove(channel, listener);
      throw toSqlError(error);
    }
    return () => this.#remove(channel, quoted, listener);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#connecting?.catch(() => {});
    this.#drop();
  }

  async #remove(channel: string, quoted: string, listener: ChannelListener): Promise<void> {
    const last = this.#channels.remove(channel, listener);
    const connection = this.#connection;
    if (!last || connection === undefined) return;
    if (this.#channels.size === 0) {
      this.#drop();
      return;
    }
    await this.#command(connection.client, `UNLISTEN ${quoted}`).catch(() => {});
    // Somebody came while the server forgot the channel.
    if (this.#channels.has(channel)) await this.#command(connection.client, `LISTEN ${quoted}`);
  }

  #connected(): Promise<ListenerConnection> {
    if (this.#stopped) throw new SqlError('SQL_CLOSED', 'The database is closed');
    if (this.#connection !== undefined) return Promise.resolve(this.#connection);
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<ListenerConnection> {
    const connection = await this.#options.connect();
    const { client } = connection;
    client.on('notification', (message: Notification) =>
      this.#channels.dispatch(message.channel, message.payload ?? ''),
    );
    client.on('error', (error: unknown) => this.#lost(connection, error));
    client.on('end', () => this.#lost(connection, undefined));
    this.#connection = connection;
    this.#scheduleHeartbeat(connection);
    return connection;
  }

  #scheduleHeartbeat(connection: ListenerConnection): void {
    this.#heartbeat = setTimeout(() => {
      this.#command(connection.client, 'SELECT 1').then(
        () => this.#connection === connection && this.#scheduleHeartbeat(connection),
        (error: unknown) => this.#lost(connection, error),
      );
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    clearTimeout(this.#heartbeat);
    connection?.end();
  }

  #lost(connection: ListenerConnection, error: unknown): void {
    if (this.#connection !== connection) return;
    destroyClient(connection.client);
    this.#drop();
    if (error !== undefined) this.#options.onError(error);
    if (!this.#reconnecting) void this.#reconnect();
  }

  /** Until it succeeds or nobody listens any more, with growing, jittered pauses. */
  async #reconnect(): Promise<void> {
    this.#reconnecting = true;
    for (let attempt = 0; this.#channels.size > 0 && !this.#stopped; attempt += 1) {
      const span = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
      await this.#pause(span / 2 + (Math.random() * span) / 2);
      if (this.#stopped || (await this.#listenAgain())) break;
    }
    this.#reconnecting = false;
    if (this.#connection !== undefined) this.#channels.reconnected();
  }

  async #listenAgain(): Promise<boolean> {
    try {
      const connection = await this.#connected();
      for (const name of this.#channels.names()) {
        await this.#command(connection.client, `LISTEN ${quoteIdentifier(name, 'channel')}`);
      }
      return this.#connection === connection;
    } catch (error) {
      this.#options.logger.warn({ module: 'sql', err: error }, 'Listening again failed');
      // Half a connection is none: it might know only some of the channels.
      if (this.#connection !== undefined) this.#lost(this.#connection, undefined);
      return false;
    }
  }

  /** One at a time, as `pg` wants it. */
  async #command(client: PgClientLike, text: string): Promise<void> {
    await this.#serial.run(() => client.query({ text, query_timeout: COMMAND_MS }));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
