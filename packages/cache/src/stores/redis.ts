import { randomBytes } from 'node:crypto';
import { type Duration, durationMs } from '../duration.js';
import { checkKnown, optionInvalid } from '../options.js';
import type {
  CacheStore,
  StoreChangeOptions,
  StoreInvalidation,
  StoreListener,
  StoreRead,
  StoreSubscription,
  StoreWrite,
} from '../store.js';
import type { RedisClient } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';
import { ABSENT, CLEAR, DELETE_MANY, HEADER, SET_MANY } from './redis-scripts.js';
import { RedisSubscriptions } from './redis-subscriptions.js';

export type { PipelineReplies, RedisClient } from './redis-client.js';

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * Begins every key and channel: 1–64 of letters, digits and `.`, `_`, `:`, `-`.
   * @defaultValue `'holdfast'`
   */
  prefix?: string;
  /**
   * How long a deletion is remembered, so that a factory which began before it, in any process, cannot store its
   * result after it. Longer than the slowest factory.
   * @defaultValue `'1m'`
   */
  tombstoneTtl?: Duration;
  /**
   * Whether to tell of invalidations, on one more connection.
   * @defaultValue true
   */
  pubsub?: boolean;
}

/** Where a server is, when there is no client to share. */
export interface RedisAddress {
  /** Such as `redis://localhost:6379/0`. */
  url: string;
}

/** Keys in one command: enough to save round trips, few enough not to hold up the server's other clients. */
const KEYS_A_COMMAND = 256;

const PREFIX = /^[A-Za-z0-9._:-]{1,64}$/;
const OURS = /^hf1[vt][\w-]{12}/;
const ABSENT_READ = { bytes: undefined, remainingMs: 0 };

/** 12 characters that no other call returns. */
const unique = (): string => randomBytes(9).toString('base64url');

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += KEYS_A_COMMAND) yield items.slice(i, i + KEYS_A_COMMAND);
}

class RedisStore implements CacheStore {
  readonly name = 'redis';
  readonly #connection: RedisConnection;
  readonly #subscriptions: RedisSubscriptions;
  readonly #prefix: string;
  readonly #tombstoneMs: number;
  readonly subscribe?: (ns: string, listener: StoreListener) => Promise<StoreSubscription>;

  constructor(source: RedisClient | string, prefix: string, tombstoneMs: number, pubsub: boolean) {
    this.#connection = new RedisConnection(source);
    this.#subscriptions = new RedisSubscriptions(() => this.#connection.client());
    this.#prefix = prefix;
    this.#tombstoneMs = tombstoneMs;
    if (pubsub) this.subscribe = (ns, one) => this.#subscriptions.add(this.#channel(ns), one);
  }

  async getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    if (keys.length <= KEYS_A_COMMAND)
      return keys.length === 0 ? [] : this.#getPart(namespace, keys);
    const parts = [...chunks(keys)].map((part) => this.#getPart(namespace, part));
    return (await Promise.all(parts)).flat();
  }

  async #getPart(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    const redisKeys = [this.#epochKey(namespace)];
    const start = `${this.#tagged(namespace)}:e:`;
    for (const key of keys) redisKeys.push(start + key);
    const { values, now } = await this.#connection.read(redisKeys);
    const epoch = values[0]?.toString('latin1') ?? (await this.#firstEpoch(namespace));
    const reads: StoreRead[] = [];
    for (let i = 1; i < redisKeys.length; i += 1) reads.push(parseEntry(values[i], epoch, now));
    return reads;
  }

  /** Makes the namespace's epoch, unless another process is first: a fence needs one. */
  async #firstEpoch(namespace: string): Promise<string> {
    const key = this.#epochKey(namespace);
    const replies = await this.#connection.send([
      ['set', key, unique(), 'NX'],
      ['get', key],
    ]);
    return String(replies[1]);
  }

  async setMany(
    namespace: string,
    writes: readonly StoreWrite[],
    options?: StoreChangeOptions,
  ): Promise<readonly boolean[]> {
    const parts = [...chunks(writes)].map((part) => this.#setPart(namespace, part, options));
    return (await Promise.all(parts)).flat();
  }

  async #setPart(
    namespace: string,
    writes: readonly StoreWrite[],
    options: StoreChangeOptions | undefined,
  ): Promise<readonly boolean[]> {
    const keys = writes.map(({ key }) => this.#entryKey(namespace, key));
    const invalidated = writes.filter(({ fence }) => fence === undefined).map(({ key }) => key);
    const message = invalidated.length === 0 ? '' : messageOf(invalidated, options);
    const entries = writes.flatMap(({ fence = '', ttlMs, bytes }) => [
      fence,
      Math.ceil(ttlMs),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    ]);
    const args = [unique(), unique(), this.#channel(namespace), message, ...entries];
    const written = await this.#connection.run(
      SET_MANY,
      [this.#epochKey(namespace), ...keys],
      args,
    );
    // A client with `stringNumbers` gives them as strings.
    return (written as (number | string)[]).map((one) => Number(one) === 1);
  }

  async deleteMany(
    namespace: string,
    keys: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    const parts = [...chunks(keys)].map((part) => {
      const redisKeys = part.map((key) => this.#entryKey(namespace, key));
      const channel = this.#channel(namespace);
      const args = [unique(), this.#tombstoneMs, channel, messageOf(part, options)];
      return this.#connection.run(DELETE_MANY, redisKeys, args);
    });
    await Promise.all(parts);
  }

  async clear(namespace: string, options?: StoreChangeOptions): Promise<void> {
    const args = [unique(), this.#channel(namespace), messageOf('all', options)];
    await this.#connection.run(CLEAR, [this.#epochKey(namespace)], args);
  }

  async ping(): Promise<void> {
    await this.#connection.send([['ping']]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#subscriptions.close(), this.#connection.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One hash tag a namespace: its keys are in one slot, so that one command or script may touch them all. */
  #tagged(namespace: string): string {
    return `${this.#prefix}:{cache:${namespace}}`;
  }

  #entryKey(namespace: string, key: string): string {
    return `${this.#tagged(namespace)}:e:${key}`;
  }

  #epochKey(namespace: string): string {
    return `${this.#tagged(namespace)}:epoch`;
  }

  #channel(namespace: string): string {
    return `${this.#tagged(namespace)}:changes`;
  }
}

function messageOf(
  keys: StoreInvalidation['keys'],
  options: StoreChangeOptions | undefined,
): string {
  return JSON.stringify({ origin: options?.origin ?? '', keys });
}

function parseEntry(entry: Buffer | null | undefined, epoch: string, now: number): StoreRead {
  const head = entry?.toString('latin1', 0, HEADER.length) ?? '';
  // The test that SET_MANY makes, so that both take bytes of another program for no entry.
  if (!entry || !OURS.test(head)) return { ...ABSENT_READ, fence: epoch + ABSENT };
  const fence = epoch + head.slice(HEADER.change, HEADER.epoch);
  const remainingMs = Number(head.slice(HEADER.expiry)) - now;
  const live =
    head.length === HEADER.length &&
    head[HEADER.magic.length] === 'v' &&
    head.slice(HEADER.epoch, HEADER.expiry) === epoch &&
    remainingMs > 0;
  return live
    ? { bytes: entry.subarray(HEADER.length), remainingMs, fence }
    : { ...ABSENT_READ, fence };
}

/**
 * A store in Redis 6 or later, through `ioredis`.
 *
 * @example
 * ```ts
 * const store = redisStore(new Redis(url)); // your client: never closed by the store
 * const own = redisStore({ url: 'redis://localhost:6379' }); // its own client, closed by own.close()
 * ```
 *
 * A client of yours should have an `'error'` listener, as always with ioredis.
 *
 * @param connection - a client to share, or where to connect to
 * @throws CacheError `CACHE_OPTION_INVALID`
 */
export function redisStore(
  connection: RedisClient | RedisAddress,
  options: RedisStoreOptions = {},
): CacheStore {
  checkKnown(options, 'options', ['prefix', 'tombstoneTtl', 'pubsub']);
  const { prefix = 'holdfast', tombstoneTtl = '1m', pubsub = true } = options;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw optionInvalid('prefix', '1-64 of letters, digits and . _ : -', prefix);
  }
  const tombstoneMs = Math.ceil(durationMs(tombstoneTtl));
  if (!(tombstoneMs >= 1 && tombstoneMs <= 86_400_000)) {
    throw optionInvalid('tombstoneTtl', 'a duration from 1 ms to 1 day', tombstoneTtl);
  }
  if (typeof pubsub !== 'boolean') throw optionInvalid('pubsub', 'a boolean', pubsub);
  return new RedisStore(sourceOf(connection), prefix, tombstoneMs, pubsub);
}

function sourceOf(connection: RedisClient | RedisAddress): RedisClient | string {
  const given: Partial<RedisClient & RedisAddress> | null | undefined = connection;
  if (typeof given?.pipeline === 'function') return connection as RedisClient;
  if (typeof given?.url === 'string' && given.url !== '') return given.url;
  throw optionInvalid('connection', 'an ioredis client, or an object with `url`', connection);
}
