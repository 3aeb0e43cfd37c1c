import { SqlError } from './errors.js';

/** A parameter as it goes to the server: text, bytes, or null. */
export type WireValue = string | Uint8Array | null;

/** Parameters of one statement in Postgres' text format, the same for every engine. */
export function encodeValues(values: readonly unknown[]): WireValue[] {
  return values.map((value, index) => {
    if (value instanceof Uint8Array) return value;
    return encodeText(value, index);
  });
}

function encodeText(value: unknown, index: number): string | null {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'undefined':
      return null;
    default:
      break;
  }
  if (value === null) return null;
  if (value instanceof Date) return encodeDate(value, index);
  if (value instanceof Uint8Array) return `\\x${toHex(value)}`;
  if (Array.isArray(value)) return encodeArray(value, index);
  throw new SqlError(
    'SQL_STATEMENT_INVALID',
    `Parameter $${index + 1} must be a string, number, bigint, boolean, null, Date, Uint8Array or an array of these, ` +
      `got ${typeof value === 'object' ? 'an object (give JSON as text: JSON.stringify(value))' : typeof value}`,
    { details: { parameter: index + 1 } },
  );
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** ISO 8601 in UTC; Postgres wants no sign before long years and an era instead of a minus. */
function encodeDate(date: Date, index: number): string {
  if (Number.isNaN(date.getTime())) {
    throw new SqlError('SQL_STATEMENT_INVALID', `Parameter $${index + 1} is an invalid Date`, {
      details: { parameter: index + 1 },
    });
  }
  const iso = date.toISOString();
  if (iso.startsWith('+')) return iso.slice(1).replace(/^0+(?=\d{4})/, '');
  const year = date.getUTCFullYear();
  if (year > 0) return iso;
  const rest = iso.slice(iso.indexOf('-', 1));
  return `${String(1 - year).padStart(4, '0')}${rest} BC`;
}

/** An array literal. Everything but numbers, booleans and nulls is quoted, so that no text is taken for syntax. */
function encodeArray(items: readonly unknown[], index: number): string {
  const parts = items.map((item) => {
    if (Array.isArray(item)) return encodeArray(item, index);
    const text = encodeText(item, index);
    if (text === null) return 'NULL';
    if (typeof item === 'number' || typeof item === 'boolean') return text;
    return `"${text.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${parts.join(',')}}`;
}

/** The text of an array, for an array inside an array of texts. */
export function encodeArrayText(items: readonly unknown[]): string {
  return encodeArray(items, 0);
}
