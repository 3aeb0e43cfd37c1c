import { createRequire } from 'node:module';
import { CacheError } from '../errors.js';
import type { PipelineReplies, RedisClient } from './redis-client.js';
import type { Script } from './redis-scripts.js';
import { ServerClock } from './server-clock.js';

const ENDED = ['end', 'close', 'error'];

const ignore = (): void => {};

/**
 * Loads ioredis, only now that it is needed, and makes a client that fails at once rather than queueing while there
 * is no connection. Synchronous, so that a missing ioredis is reported where the store is made.
 */
function openClient(url: string): RedisClient {
  const { Redis } = requireClient();
  const client: RedisClient = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  // Without a listener ioredis prints every failed attempt to connect.
  client.on('error', ignore);
  return client;
}

function requireClient(): typeof import('ioredis') {
  try {
    return createRequire(import.meta.url)('ioredis') as typeof import('ioredis');
  } catch (cause) {
    const message = 'Cannot load `ioredis`: install it (npm install ioredis), or pass a client';
    throw new CacheError('CACHE_PEER_MISSING', message, { cause });
  }
}

/** A client, the caller's or our own, and what it takes to run commands on it in the order they were asked for. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #own: boolean;
  /** The first connection. All calls wait for the one promise, which keeps their order. */
  #first: Promise<void> | undefined;
  #closed = false;
  /** Scripts that the server of this connection has seen. */
  readonly #seen = new Set<Script>();
  readonly #time = new ServerClock();
  readonly #forget = (): void => {
    this.#seen.clear();
    this.#time.forget();
  };

  constructor(source: RedisClient | string) {
    this.#own = typeof source === 'string';
    this.#client = typeof source === 'string' ? openClient(source) : source;
    this.#client.on('close', this.#forget);
  }

  /** The client, ready for commands. Waits only for the first connection: later a lost one fails at once. */
  async client(): Promise<RedisClient> {
    this.#checkOpen();
    this.#first ??= firstReady(this.#client).catch((err: unknown) => {
      this.#first = undefined;
      throw err;
    });
    await this.#first;
    this.#checkOpen();
    if (this.#client.status !== 'ready') throw unavailable(this.#client.status);
    return this.#client;
  }

  /** Reads keys, and tells the server's time: asked together with them now and then, known in between. */
  async read(keys: string[]): Promise<{ values: readonly (Buffer | null)[]; now: number }> {
    const client = this.#ready() ?? (await this.client());
    if (this.#time.now() === undefined) return this.#readWithTime(keys);
    const values = await client.mgetBuffer(keys);
    const now = this.#time.now();
    return now === undefined ? this.#readWithTime(keys) : { values, now };
  }

  async #readWithTime(
    keys: readonly string[],
  ): Promise<{ values: readonly (Buffer | null)[]; now: number }> {
    const askedAt = performance.now();
    const [values, time] = (await this.send([['mgetBuffer', ...keys], ['time']])) as [
      (Buffer | null)[],
      [string, string],
    ];
    this.#time.set(time, askedAt);
    return { values, now: Number(time[0]) * 1_000 + Number(time[1]) / 1_000 };
  }

  /** The client where nothing has to be waited for. */
  #ready(): RedisClient | undefined {
    return !this.#closed && this.#first !== undefined && this.#client.status === 'ready'
      ? this.#client
      : undefined;
  }

  /** Sends commands in one write; fails when one of them does. */
  async send(commands: unknown[][]): Promise<unknown[]> {
    const client = await this.client();
    return results(await client.pipeline(commands).exec());
  }

  /**
   * Runs a script by its name once the server has seen its text. A name that the server has forgotten is an error
   * rather than sent again as text: by then later commands may have overtaken it.
   */
  async run(script: Script, keys: readonly string[], args: readonly unknown[]): Promise<unknown> {
    const client = await this.client();
    const start = this.#seen.has(script) ? ['evalsha', script.sha] : ['eval', script.source];
    try {
      const command = [...start, keys.length, ...keys, ...args];
      const [result] = results(await client.pipeline([command]).exec());
      this.#seen.add(script);
      return result;
    } catch (err) {
      this.#seen.delete(script);
      throw err;
    }
  }

  /** Closes the client if it is our own. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.off('close', this.#forget);
    if (this.#own) this.#client.disconnect();
  }

  #checkOpen(): void {
    if (this.#closed) throw new CacheError('CACHE_CLOSED', 'The Redis store is closed');
  }
}

function results(replies: PipelineReplies): unknown[] {
  if (replies === null) throw new CacheError('CACHE_STORE_UNAVAILABLE', 'Redis did not answer');
  return replies.map(([err, result]) => {
    if (err !== null) throw err;
    return result;
  });
}

export function unavailable(status: string): CacheError {
  return new CacheError('CACHE_STORE_UNAVAILABLE', `No connection to Redis (${status})`);
}

/** Resolves when the client's first connection stands, rejects when that attempt fails. */
function firstReady(client: RedisClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      client.off('ready', ready);
      for (const event of ENDED) client.off(event, ended);
    };
    const ready = (): void => {
      stop();
      resolve();
    };
    const ended = (): void => {
      stop();
      reject(unavailable(client.status));
    };
    if (client.status === 'ready') return resolve();
    if (client.status === 'end') return reject(unavailable('end'));
    client.on('ready', ready);
    for (const event of ENDED) client.on(event, ended);
    if (client.status === 'wait') client.connect().catch(ended);
  });
}
