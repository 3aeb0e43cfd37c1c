import { OWN } from './keys.js';

/**
 * Where a namespace is below the cache it was made from. In the shared tier its entries are entries of that cache:
 * under keys that begin with its path, and with a tag for each namespace they are in, by which it is cleared.
 */
export interface Scope {
  /** The cache's namespace and the names below it: `app/users/sessions`. */
  readonly namespace: string;
  /** The names below the cache; empty for the cache itself. */
  readonly path: readonly string[];
  /** Begins the keys of its entries in the shared tier. */
  readonly prefix: string;
  /** A tag for each of {@link path}, from the outermost to its own. */
  readonly tags: readonly string[];
}

/** The scope of a cache itself. */
export function rootScope(namespace: string): Scope {
  return { namespace, path: [], prefix: '', tags: [] };
}

/** The scope of a namespace within another. Names contain no slash, so paths cannot be mistaken for one another. */
export function nestedScope(above: Scope, name: string): Scope {
  const path = [...above.path, name];
  const joined = path.join('/');
  return {
    namespace: `${above.namespace}/${name}`,
    path,
    prefix: `${OWN}${joined}${OWN}`,
    tags: [...above.tags, OWN + joined],
  };
}

/** Splits a key of the shared tier into the prefix of its scope and the key within it. */
export function splitKey(key: string): { prefix: string; key: string } {
  if (!key.startsWith(OWN)) return { prefix: '', key };
  const end = key.indexOf(OWN, 1) + 1;
  return { prefix: key.slice(0, end), key: key.slice(end) };
}

/** The tags that a caller gave an entry, without those of its namespaces. */
export function tagsWithoutScopes(tags: readonly string[]): readonly string[] {
  return tags.some((tag) => tag.startsWith(OWN))
    ? tags.filter((tag) => !tag.startsWith(OWN))
    : tags;
}
