import { setTimeout as sleep } from 'node:timers/promises';
import { Channels } from '../channels.js';
import { SqlError } from '../errors.js';
import { quoteIdentifier } from '../identifier.js';
import type { Logger } from '../logger.js';
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
  readonly #stop = new AbortController();
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
      await command(client, `LISTEN ${quoted}`);
    } catch (error) {
      this.#channels.remove(channel, listener);
      throw toSqlError(error);
    }
    return () => this.#remove(channel, quoted, listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
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
    await command(connection.client, `UNLISTEN ${quoted}`).catch(() => {});
    // Somebody came while the server forgot the channel.
    if (this.#channels.has(channel)) await command(connection.client, `LISTEN ${quoted}`);
  }

  #connected(): Promise<ListenerConnection> {
    if (this.#stop.signal.aborted) throw new SqlError('SQL_CLOSED', 'The database is closed');
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
      command(connection.client, 'SELECT 1').then(
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
    if (!this.#stop.signal.aborted) void this.#reconnect();
  }

  /** Until it succeeds or nobody listens any more, with growing, jittered pauses. */
  async #reconnect(): Promise<void> {
    for (let attempt = 0; this.#channels.size > 0; attempt += 1) {
      const span = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
      await sleep(span / 2 + (Math.random() * span) / 2, undefined, {
        signal: this.#stop.signal,
      }).catch(() => {});
      if (this.#stop.signal.aborted) return;
      try {
        const { client } = await this.#connected();
        for (const name of this.#channels.names()) {
          await command(client, `LISTEN ${quoteIdentifier(name, 'channel')}`);
        }
        this.#channels.reconnected();
        return;
      } catch (error) {
        this.#options.logger.warn({ module: 'sql', err: error }, 'Listening again failed');
        if (this.#connection !== undefined) return;
      }
    }
  }
}

async function command(client: PgClientLike, text: string): Promise<void> {
  await client.query({ text, query_timeout: COMMAND_MS });
}
