import { type Logger, silentLogger } from '../logger.js';
import { invalidOption, knownOptions, loggerOption } from '../options.js';
import type { QueueStore } from '../store.js';
import type { RedisAddress, RedisClient } from './redis/client.js';
import { RedisStore } from './redis/store.js';

export type { RedisAddress, RedisClient } from './redis/client.js';

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * Begins every key and channel: 1–64 of letters, digits and `.`, `_`, `:`, `-`. Stores of one prefix share their
   * tasks. In a Cluster all keys of one prefix are in one slot, and another prefix is in another.
   * @defaultValue `'holdfast'`
   */
  prefix?: string;
  /**
   * Told when the server may lose tasks: without `appendonly`, or with an evicting `maxmemory-policy`.
   * @defaultValue silent
   */
  logger?: Logger;
}

const PREFIX = /^[A-Za-z0-9._:-]{1,64}$/;

/**
 * Keeps tasks in Redis 6.2 or later, or Valkey, through `ioredis` 5.4 or later.
 *
 * @example
 * ```ts
 * const store = redisStore({ url: 'redis://localhost:6379' });
 * const other = redisStore(client, { prefix: 'shop' }); // connects as the client does
 * ```
 *
 * A store opens two connections of its own, one for commands and one to listen for wake-ups, with the settings of the
 * client that is passed in; that client is never used or closed.
 *
 * @param connection - an ioredis `Redis` or `Cluster` to take the settings from, or where to connect to
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function redisStore(
  connection: RedisClient | RedisAddress,
  options: RedisStoreOptions = {},
): QueueStore {
  knownOptions('options', options, ['prefix', 'logger']);
  const { prefix = 'holdfast' } = options;
  const logger = loggerOption('options.logger', options.logger, silentLogger);
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw invalidOption('options.prefix', '1 to 64 of letters, digits and . _ : -', prefix);
  }
  return new RedisStore({ source: sourceOf(connection), prefix, logger });
}

function sourceOf(connection: RedisClient | RedisAddress): RedisClient | RedisAddress {
  const given: Partial<RedisClient & RedisAddress> | null | undefined = connection;
  if (typeof given?.duplicate === 'function') return connection;
  if (typeof given?.url === 'string' && given.url !== '') return { url: given.url };
  throw invalidOption('connection', 'an ioredis client, or an object with `url`', connection);
}
