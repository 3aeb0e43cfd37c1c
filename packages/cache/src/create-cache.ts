import type { Cache } from './cache.js';
import { type CacheOptions, resolveOptions } from './options.js';
import { Realm } from './realm.js';
import { rootScope } from './scope.js';
import { TieredCache } from './tiered-cache.js';

/**
 * Makes a cache: one namespace over the tiers that are given.
 *
 * @example
 * ```ts
 * const users = createCache({ namespace: 'users', ttl: '10m', l2: redisStore(redis) });
 * const user = await users.getOrSet(`user:${id}`, () => loadUser(id));
 * ```
 *
 * @throws CacheError `CACHE_OPTION_INVALID`
 */
export function createCache<V = unknown>(options: CacheOptions<V>): Cache<V> {
  const resolved = resolveOptions(options);
  return new TieredCache(new Realm(resolved), rootScope(resolved.namespace), resolved.scope);
}
