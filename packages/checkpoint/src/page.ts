import type { Page } from './checkpoint.js';
import { encodeCursor } from './cursor.js';

/** The same without keys that are undefined. */
export function defined<T extends object>(
  value: T,
): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}

/** The page of `limit` items that `found`, read with one more than that, begins with. */
export function page<Item>(
  found: readonly Item[],
  limit: number,
  place: (item: Item) => string | number,
): Page<Item> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last !== undefined;
  return { items, nextCursor: more ? encodeCursor(place(last)) : null };
}
