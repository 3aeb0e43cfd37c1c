import { CheckpointError } from './errors.js';

/** The largest number that a version can have. */
export const MAX_VERSION: number = 2 ** 31 - 1;

/** An opaque cursor for a place in a list. */
export function encodeCursor(place: string | number): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Whether a list could have ended there. Cursors come from outside: no store is asked for what it cannot hold. */
function isPlace(place: unknown, kind: 'string' | 'number'): place is string | number {
  if (typeof place !== kind) return false;
  if (typeof place === 'string') return /^[^\p{Cc}\p{Cs}]+$/u.test(place);
  return Number.isInteger(place) && Number(place) >= 1 && Number(place) <= MAX_VERSION;
}

/** The place a cursor stands for. */
export function decodeCursor<Kind extends 'string' | 'number'>(
  cursor: string,
  kind: Kind,
): Kind extends 'string' ? string : number;
export function decodeCursor(cursor: string, kind: 'string' | 'number'): string | number {
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    place = undefined;
  }
  if (isPlace(place, kind)) return place;
  throw new CheckpointError(
    'CHECKPOINT_OPTION_INVALID',
    'Option `cursor`: must be the nextCursor of a page of this list',
    { details: { errors: [{ path: 'cursor', rule: 'must be a nextCursor', received: cursor }] } },
  );
}
