import { randomBytes } from 'node:crypto';
import type {
  CacheStore,
  StoreChangeOptions,
  StoreClaim,
  StoreClaimResult,
  StoreInvalidation,
  StoreListener,
  StoreRead,
  StoreSubscription,
  StoreWrite,
} from '../store.js';
import type { RedisClient } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';
import { deleted, type ParsedEntry, parseEntry } from './redis-entry.js';
import {
  type RedisAddress,
  type RedisStoreOptions,
  type ResolvedRedis,
  resolveRedis,
  sourceOf,
} from './redis-options.js';
import { CLAIM, CLEAR, DELETE_MANY, INVALIDATE_TAGS, RELEASE, SET_MANY } from './redis-scripts.js';
import { RedisSubscriptions } from './redis-subscriptions.js';
import { type NamespaceState, namespaceState, TagRecords } from './redis-tags.js';

export type { PipelineReplies, RedisClient } from './redis-client.js';
export type { RedisAddress, RedisStoreOptions } from './redis-options.js';

/** Keys in one command: enough to save round trips, few enough not to hold up the server's other clients. */
const KEYS_A_COMMAND = 256;

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
  readonly #tagRecords = new Map<string, TagRecords>();
  readonly subscribe?: (ns: string, listener: StoreListener) => Promise<StoreSubscription>;

  constructor(
    source: RedisClient | string,
    { prefix, tombstoneMs, pubsub, heartbeatMs }: ResolvedRedis,
  ) {
    this.#connection = new RedisConnection(source);
    this.#subscriptions = new RedisSubscriptions(() => this.#connection.client(), heartbeatMs);
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
    const meta = values[0]?.toString('latin1') ?? (await this.#firstEpoch(namespace));
    const state = namespaceState(meta);
    const entries: ParsedEntry[] = [];
    let outdated = false;
    for (let i = 1; i < redisKeys.length; i += 1) {
      const entry = parseEntry(values[i], state, now);
      // No tag at all was invalidated since an entry of the present sequence was written.
      outdated ||= entry.writtenAt !== undefined && entry.writtenAt !== Number(state.sequence);
      entries.push(entry);
    }
    const living = outdated ? await this.#checkTags(namespace, state, entries) : entries;
    return living.map(({ read }) => read);
  }

  async #checkTags(
    namespace: string,
    state: NamespaceState,
    entries: readonly ParsedEntry[],
  ): Promise<readonly ParsedEntry[]> {
    const records = this.#tagRecords.get(namespace) ?? new TagRecords();
    this.#tagRecords.set(namespace, records);
    const tags = new Set(entries.flatMap(({ read }) => read.tags ?? []));
    const known = await records.read(state, tags, async (unknown) => {
      const keys = unknown.map((tag) => this.#tagKey(namespace, tag));
      const { values } = await this.#connection.read(keys);
      return values.map((value) => value?.toString('latin1'));
    });
    const current = Number(state.sequence);
    return entries.map((entry) => {
      const { read, writtenAt = current } = entry;
      // Since an entry of the present sequence was written no tag was invalidated; what is known of its tags' records
      // may be from before it was written, when there were none.
      if (read.tags === undefined || writtenAt === current) return entry;
      const alive = (tag: string): boolean =>
        (known.get(tag) ?? Number.POSITIVE_INFINITY) <= writtenAt;
      return read.tags.every(alive) ? entry : deleted(read.fence);
    });
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
    const places = new Map<string, number>();
    const placeOf = (tag: string): number => {
      const place = places.get(tag) ?? places.size + 1;
      places.set(tag, place);
      return place;
    };
    const entries = writes.flatMap(({ fence = '', ttlMs, bytes, tags = [] }) => [
      fence,
      Math.ceil(ttlMs),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      tags.map(placeOf).join(),
      tags.length === 0 ? '' : JSON.stringify(tags),
    ]);
    const tagKeys = [...places.keys()].map((tag) => this.#tagKey(namespace, tag));
    const written = await this.#connection.run(
      SET_MANY,
      [this.#epochKey(namespace), ...keys, ...tagKeys],
      [unique(), unique(), this.#channel(namespace), message, writes.length, ...entries],
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

  async invalidateTags(
    namespace: string,
    tags: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    const parts = [...chunks(tags)].map((part) => {
      const keys = part.map((tag) => this.#tagKey(namespace, tag));
      const message = messageOf([], options, part);
      const args = [unique(), this.#tombstoneMs, this.#channel(namespace), message];
      return this.#connection.run(INVALIDATE_TAGS, [this.#epochKey(namespace), ...keys], args);
    });
    await Promise.all(parts);
  }

  async claimMany(
    namespace: string,
    claims: readonly StoreClaim[],
    ttlMs: number,
  ): Promise<readonly StoreClaimResult[]> {
    const parts = [...chunks(claims)].map(async (part) => {
      const keys = part.flatMap(({ key }) => [
        this.#entryKey(namespace, key),
        this.#claimKey(namespace, key),
      ]);
      const args = part.flatMap(({ fence, token }) => [fence, token]);
      const all = [this.#epochKey(namespace), ...keys];
      const left = await this.#connection.run(CLAIM, all, [Math.ceil(ttlMs), ...args]);
      return (left as (number | string)[]).map((one) => claimResult(Number(one)));
    });
    return (await Promise.all(parts)).flat();
  }

  async releaseMany(
    namespace: string,
    claims: readonly StoreClaim[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    const origin = JSON.stringify(options?.origin ?? '');
    const parts = [...chunks(claims)].map((part) => {
      const keys = part.map(({ key }) => this.#claimKey(namespace, key));
      const args = part.flatMap(({ key, token }) => [token, JSON.stringify(key)]);
      return this.#connection.run(RELEASE, keys, [this.#channel(namespace), origin, ...args]);
    });
    await Promise.all(parts);
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

  #claimKey(namespace: string, key: string): string {
    return `${this.#tagged(namespace)}:c:${key}`;
  }

  #tagKey(namespace: string, tag: string): string {
    return `${this.#tagged(namespace)}:t:${tag}`;
  }

  #channel(namespace: string): string {
    return `${this.#tagged(namespace)}:changes`;
  }
}

function claimResult(left: number): StoreClaimResult {
  if (left === 0) return 'held';
  return left < 0 ? 'changed' : left;
}

function messageOf(
  keys: StoreInvalidation['keys'],
  options: StoreChangeOptions | undefined,
  tags?: readonly string[],
): string {
  return JSON.stringify({ origin: options?.origin ?? '', keys, tags });
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
  return new RedisStore(sourceOf(connection), resolveRedis(options));
}
