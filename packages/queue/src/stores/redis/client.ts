import { createRequire } from 'node:module';
import { QueueError } from '../../errors.js';

/**
 * What is used of an `ioredis` client: `Redis` and `Cluster` of ioredis 5.4 and later fit as they are, also from
 * another copy of the package.
 */
export interface RedisClient {
  /** Commands are taken when it is `'ready'`, see {@link isReady}. */
  readonly status: string;
  readonly isCluster?: boolean;
  /** What a connected `Redis` writes to; a `Cluster` has none of its own. */
  readonly stream?: { readonly writable: boolean };
  /** `Redis` takes settings, `Cluster` nodes and settings; either may be left out. */
  duplicate(...options: (object | undefined)[]): RedisClient;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  call(command: string, args: (string | number)[]): Promise<unknown>;
  /** As `call`, with texts as bytes. */
  callBuffer(command: string, args: (string | number)[]): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  on(event: string, listener: (...args: string[]) => void): unknown;
  off(event: string, listener: (...args: string[]) => void): unknown;
}

/** Where a server is, when there is no client to take the settings from. */
export interface RedisAddress {
  /** Such as `redis://localhost:6379/0`. */
  readonly url: string;
}

const RETRY_MAX_MS = 2_000;

/**
 * A connection on which no byte came for so long, while something was asked, is dead, however open it looks: soon enough
 * for the leases of what runs to be extended on another. A client that is older than this setting waits for the answer.
 */
const SILENT_MS = 3_000;

/**
 * Settings of the connections made here. Nothing is queued while there is no connection, and nothing is sent again
 * after one was lost: a claim that nobody waits for any more would only hold tasks back until its lease ran out.
 */
const SETTINGS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  stringNumbers: false,
  // The store has a prefix of its own, which channels need too.
  keyPrefix: '',
  enableAutoPipelining: false,
  commandTimeout: undefined,
  socketTimeout: SILENT_MS,
  retryStrategy: (times: number): number => Math.min(RETRY_MAX_MS, 50 * 2 ** Math.min(6, times)),
  // What was the primary is a replica now: connect again, to whatever is the primary.
  reconnectOnError: (error: Error): boolean => error.message.startsWith('READONLY'),
};

/**
 * Whether commands are taken. A client calls itself ready until its connection has closed, up to 2 s after that began to
 * end, and refuses every command meanwhile, at once: who tries again at once would never let it hear of the end.
 */
export const isReady = ({ status, stream }: RedisClient): boolean =>
  status === 'ready' && stream?.writable !== false;

/** Makes a connection of our own, not yet connected: with the settings of a client, or to an address. */
export function openClient(source: RedisClient | RedisAddress): RedisClient {
  const client = 'url' in source ? fromUrl(source.url) : duplicate(source);
  // Without a listener ioredis prints every failed attempt to connect.
  client.on('error', () => undefined);
  return client;
}

function fromUrl(url: string): RedisClient {
  const { Redis } = requireClient();
  return new Redis(url, SETTINGS);
}

function duplicate(client: RedisClient): RedisClient {
  if (client.isCluster !== true) return client.duplicate(SETTINGS);
  const { retryStrategy, reconnectOnError, ...common } = SETTINGS;
  const options = {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    redisOptions: { ...common, lazyConnect: true, reconnectOnError },
  };
  return client.duplicate([], options);
}

function requireClient(): typeof import('ioredis') {
  try {
    return createRequire(import.meta.url)('ioredis') as typeof import('ioredis');
  } catch (cause) {
    const message = 'Cannot load `ioredis`: install it (npm install ioredis), or pass a client';
    throw new QueueError('QUEUE_OPTION_INVALID', message, { cause });
  }
}
