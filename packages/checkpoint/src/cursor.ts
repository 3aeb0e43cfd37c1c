import { CheckpointError } from './errors.js';

/** An opaque cursor for a place in a list. */
export function encodeCursor(place: string | number): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
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
  if (typeof place === 'string' && kind === 'string') return place;
  if (typeof place === 'number' && kind === 'number' && Number.isSafeInteger(place)) return place;
  throw new CheckpointError(
    'CHECKPOINT_OPTION_INVALID',
    'Option `cursor`: must be the nextCursor of a page of this list',
    { details: { errors: [{ path: 'cursor', rule: 'must be a nextCursor', received: cursor }] } },
  );
}
