import type { Cache, WrapOptions } from './cache.js';

/** A method whose calls are answered from a cache. */
export type CachedMethod<This, Args extends readonly unknown[], T> = (
  this: This,
  ...args: Args
) => Promise<T>;

/**
 * A decorator (TC39) of asynchronous methods: calls are answered from the cache, and the method runs for what is not
 * there. Instances share entries, so the key has to tell apart those that answer differently.
 *
 * @example
 * ```ts
 * class Users {
 *   @cached(cache, { key: (id: number) => `user:${id}`, ttl: '10m' })
 *   async find(id: number): Promise<User> { … }
 * }
 * ```
 *
 * @throws CacheError `CACHE_OPTION_INVALID`
 */
export function cached<Args extends readonly unknown[], T>(
  cache: Pick<Cache, 'wrap'>,
  options: WrapOptions<Args, T>,
): <This>(
  method: CachedMethod<This, Args, T>,
  context: ClassMethodDecoratorContext<This>,
) => CachedMethod<This, Args, T> {
  const { key, ...loadOptions } = options;
  return <This>(method: CachedMethod<This, Args, T>) => {
    // One wrapper for all instances: the instance travels as an argument that the key does not see.
    const answer = cache.wrap((self: This, ...args: Args) => method.call(self, ...args), {
      ...loadOptions,
      key: (_self, ...args) => key(...args),
    });
    return function (this: This, ...args: Args): Promise<T> {
      return answer(this, ...args);
    };
  };
}
