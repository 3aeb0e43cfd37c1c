import { type Cache, createCache } from '@holdfast/cache';
import type { AppLogger } from '@holdfast/observability';
import type { Config } from '../config.js';

/** The cache of classifications, and what it opened. */
export interface ComposedCache {
  readonly cache: Cache;
  close(options?: { deadline?: number }): Promise<void>;
}

/** Makes the cache: in this process alone, or with Redis shared by all processes when there is a REDIS_URL. */
export async function composeCache(config: Config, logger: AppLogger): Promise<ComposedCache> {
  const options = { namespace: 'classification', logger: logger.child({ module: 'cache' }) };
  if (config.redisUrl === undefined) {
    const cache = createCache(options);
    return { cache, close: async () => void (await cache.close()) };
  }
  const { redisStore } = await import('@holdfast/cache/redis');
  const store = redisStore({ url: config.redisUrl });
  const cache = createCache({ ...options, l2: store });
  return {
    cache,
    async close() {
      await cache.close();
      await store.close();
    },
  };
}
