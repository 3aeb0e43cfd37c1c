import type { Duration } from '../duration.js';
import { checkKnown, duration, MAX_TIMER_MS, optionInvalid } from '../option-checks.js';
import type { RedisClient } from './redis-client.js';

/** Options of `redisStore`. */
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
  /**
   * How often that connection is asked whether it still works, 10 ms to 1 hour. One that is silently dead is replaced
   * after this time, twice at most, and what was missed is repaired.
   * @defaultValue `'5s'`
   */
  heartbeat?: Duration;
}

/** Where a server is, when there is no client to share. */
export interface RedisAddress {
  /** Such as `redis://localhost:6379/0`. */
  url: string;
}

/** Options as used inside. */
export interface ResolvedRedis {
  readonly prefix: string;
  readonly tombstoneMs: number;
  readonly pubsub: boolean;
  readonly heartbeatMs: number;
}

const PREFIX = /^[A-Za-z0-9._:-]{1,64}$/;

/** Checks and completes the options of the store. */
export function resolveRedis(options: RedisStoreOptions): ResolvedRedis {
  checkKnown(options, 'options', ['prefix', 'tombstoneTtl', 'pubsub', 'heartbeat']);
  const { prefix = 'holdfast', tombstoneTtl = '1m', pubsub = true, heartbeat = '5s' } = options;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw optionInvalid('prefix', '1-64 of letters, digits and . _ : -', prefix);
  }
  if (typeof pubsub !== 'boolean') throw optionInvalid('pubsub', 'a boolean', pubsub);
  return {
    prefix,
    tombstoneMs: Math.ceil(duration('tombstoneTtl', tombstoneTtl, 1, 86_400_000)),
    pubsub,
    heartbeatMs: duration('heartbeat', heartbeat, 10, MAX_TIMER_MS),
  };
}

/** The client to use, or where to connect to. */
export function sourceOf(connection: RedisClient | RedisAddress): RedisClient | string {
  const given: Partial<RedisClient & RedisAddress> | null | undefined = connection;
  if (typeof given?.pipeline === 'function') return connection as RedisClient;
  if (typeof given?.url === 'string' && given.url !== '') return given.url;
  throw optionInvalid('connection', 'an ioredis client, or an object with `url`', connection);
}
