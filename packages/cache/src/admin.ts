import type { Cache, KeyInspection } from './cache.js';
import { CacheError } from './errors.js';
import { type Logger, silentLogger } from './logger.js';
import { optionInvalid } from './option-checks.js';
import type { CacheStats } from './stats.js';

/** Options of {@link CacheAdmin}. */
export interface CacheAdminOptions {
  /** Where changes are recorded, with who made them and why. @defaultValue silent */
  logger?: Logger;
}

/** What to list. */
export interface CacheListOptions {
  /** Most items to return, 1–500. @defaultValue 50 */
  limit?: number;
  /** The `nextCursor` of the page before. @defaultValue the first page */
  cursor?: string;
}

/** A page of caches. */
export interface CacheList {
  readonly items: readonly CacheStats[];
  /** `null`: there are no more. */
  readonly nextCursor: string | null;
}

/** A change of a whole namespace. */
export interface CacheChange {
  readonly namespace: string;
  /** Why, for the record. */
  readonly reason?: string | undefined;
  /** Who, for the record. */
  readonly by?: string | undefined;
}

/** A change of one key. */
export interface CacheKeyChange extends CacheChange {
  readonly key: string;
}

/** A change of all entries that carry one of the tags. */
export interface CacheTagsChange extends CacheChange {
  readonly tags: readonly string[];
}

/** Managing the caches of a process, with the namespaces nested in them: plain data in, plain data out, for a REST interface or a console. */
export class CacheAdmin {
  readonly #caches = new Map<string, Cache>();
  readonly #logger: Logger;

  /** @throws CacheError `CACHE_NAMESPACE_CONFLICT` when two caches have one namespace */
  constructor(caches: Iterable<Cache>, options: CacheAdminOptions = {}) {
    this.#logger = options.logger ?? silentLogger;
    for (const cache of caches) {
      if (this.#caches.has(cache.name)) {
        const message = `Two caches have the namespace ${JSON.stringify(cache.name)}`;
        throw new CacheError('CACHE_NAMESPACE_CONFLICT', message);
      }
      this.#caches.set(cache.name, cache);
    }
  }

  /** The caches with their statistics, in the order of their namespaces. */
  async list(options: CacheListOptions = {}): Promise<CacheList> {
    const { limit = 50, cursor } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
      throw optionInvalid('limit', 'an integer from 1 to 500', limit);
    }
    const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString();
    const caches = new Map([...this.#caches.values()].flatMap(withNested));
    const namespaces = [...caches.keys()].filter((name) => name > after).sort();
    const page = namespaces.slice(0, limit);
    const last = namespaces.length > limit ? page.at(-1) : undefined;
    return {
      items: page.map((namespace) => this.#find(namespace).stats()),
      nextCursor: last === undefined ? null : Buffer.from(last).toString('base64url'),
    };
  }

  /** @throws CacheError `CACHE_NAMESPACE_NOT_FOUND` */
  async stats(input: { namespace: string }): Promise<CacheStats> {
    return this.#find(input.namespace).stats();
  }

  /** Where a key is. @throws CacheError `CACHE_NAMESPACE_NOT_FOUND`, `CACHE_KEY_INVALID` */
  async inspect(input: { namespace: string; key: string }): Promise<KeyInspection> {
    return this.#find(input.namespace).inspect(input.key);
  }

  /** Deletes a key. @throws CacheError `CACHE_NAMESPACE_NOT_FOUND`, `CACHE_KEY_INVALID` */
  async delete(input: CacheKeyChange): Promise<void> {
    await this.#find(input.namespace).delete(input.key);
    this.#record('cache key deleted', input);
  }

  /** Deletes all that carries one of the tags. @throws CacheError `CACHE_NAMESPACE_NOT_FOUND`, `CACHE_OPTION_INVALID` */
  async invalidateTags(input: CacheTagsChange): Promise<void> {
    await this.#find(input.namespace).invalidateTags(input.tags);
    this.#record('cache tags invalidated', input);
  }

  /** Deletes everything in a namespace, with those nested in it. @throws CacheError `CACHE_NAMESPACE_NOT_FOUND` */
  async clear(input: CacheChange): Promise<void> {
    await this.#find(input.namespace).clear();
    this.#record('cache cleared', input);
  }

  #record(message: string, input: CacheChange): void {
    this.#logger.info({ module: 'cache', ...input }, message);
  }

  #find(namespace: string): Cache {
    const [name = '', ...path] = namespace.split('/');
    let cache = this.#caches.get(name);
    for (const inner of path) {
      const full = `${cache?.name}/${inner}`;
      cache = cache?.namespaces().find((one) => one.name === full);
    }
    if (cache !== undefined) return cache;
    const message = `There is no cache with the namespace ${JSON.stringify(namespace)}`;
    throw new CacheError('CACHE_NAMESPACE_NOT_FOUND', message, { details: { namespace } });
  }
}

function withNested(cache: Cache): [name: string, cache: Cache][] {
  return [[cache.name, cache], ...cache.namespaces().flatMap(withNested)];
}
