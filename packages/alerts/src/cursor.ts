import type { Alert, Page } from './alert.js';
import { invalid } from './rule-schema.js';

const ID = /^[0-9a-f-]{36}$/;

/** The id that a cursor stands for. */
export function decodeCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (ID.test(id)) return id;
  const rule = 'must be the nextCursor of a page of this list';
  const received = JSON.stringify(cursor.slice(0, 60));
  throw invalid('ALERT_OPTION_INVALID', [{ path: 'options.cursor', rule, received }]);
}

/** The page of `limit` items that `found`, read with one more than that, begins with. */
export function pageOf(found: readonly Alert[], limit: number): Page<Alert> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last !== undefined;
  return { items, nextCursor: more ? Buffer.from(last.id).toString('base64url') : null };
}
