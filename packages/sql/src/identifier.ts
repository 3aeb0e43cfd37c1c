import { SqlError } from './errors.js';

/** A quoted identifier. Postgres cuts names after 63 bytes without an error, so longer ones are refused. */
export function quoteIdentifier(name: string, what = 'name'): string {
  const bytes = typeof name === 'string' ? Buffer.byteLength(name) : 0;
  if (bytes === 0 || bytes > 63 || name.includes('\0')) {
    throw new SqlError(
      'SQL_OPTION_INVALID',
      `Expected \`${what}\` to be an SQL name of 1 to 63 bytes without NUL, got ${JSON.stringify(name)}`,
      { details: { option: what, received: name } },
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A quoted `table` or `schema.table`. */
export function quoteTable(table: string): string {
  const parts = table.split('.');
  if (parts.length > 2) {
    throw new SqlError(
      'SQL_OPTION_INVALID',
      `Expected \`table\` to be "table" or "schema.table", got ${JSON.stringify(table)}`,
      { details: { option: 'table', received: table } },
    );
  }
  return parts.map((part) => quoteIdentifier(part, 'table')).join('.');
}
