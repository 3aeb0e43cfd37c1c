import type { PageRequest } from '../store.js';
import type { Page } from '../types.js';

/** One page of what is there, newest id first. */
export function pageOf<T extends { readonly id: string }>(
  all: readonly T[],
  page: PageRequest,
): Page<T> {
  const { after, limit } = page;
  const sorted = all
    .filter(({ id }) => after === null || id < after)
    .sort((a, b) => (a.id < b.id ? 1 : -1));
  return cutPage(sorted, limit);
}

/** The page from rows of which one more than asked for was read. */
export function cutPage<T extends { readonly id: string }>(
  rows: readonly T[],
  limit: number,
): Page<T> {
  const items = rows.slice(0, limit);
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}
