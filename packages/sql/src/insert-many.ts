import type { QueryResult, SqlExecutor, SqlRow } from './database.js';
import { encodeArrayText } from './encode.js';
import { SqlError } from './errors.js';
import { quoteIdentifier, quoteTable } from './identifier.js';
import { invalidOption, wholeNumber } from './options.js';

/** Options of {@link insertMany}. */
export interface InsertManyOptions {
  /** `table` or `schema.table`. */
  table: string;
  /** Column name to Postgres type: `{ id: 'uuid', payload: 'jsonb', tags: 'text[]' }`. */
  columns: Readonly<Record<string, string>>;
  /**
   * One object a row. What is missing is null. In `json` and `jsonb` columns a string is JSON text, as in `query`, and
   * anything else is made into it.
   */
  rows: readonly Readonly<Record<string, unknown>>[];
  /** SQL after `ON CONFLICT`: `'(id) DO NOTHING'`. */
  onConflict?: string;
  /** SQL after `RETURNING`: `'id, created_at'`. */
  returning?: string;
  /**
   * Rows of one statement. More take several, in one transaction.
   * @defaultValue 10000
   */
  chunkSize?: number;
}

/**
 * Inserts rows by one statement, whose text is the same for any number of rows: each column travels as one array.
 *
 * @throws SqlError `SQL_OPTION_INVALID` for a malformed name or type, else as `query`
 */
export async function insertMany<Row extends SqlRow = SqlRow>(
  executor: SqlExecutor,
  options: InsertManyOptions,
): Promise<QueryResult<Row>> {
  const chunkSize = wholeNumber('chunkSize', options.chunkSize ?? 10_000, 1, 1_000_000);
  const columns = Object.entries(options.columns).map(([name, type]) => columnOf(name, type));
  const text = statement(options, columns);
  const { rows } = options;
  if (rows.length === 0) return { rows: [], rowCount: 0 };
  if (rows.length <= chunkSize) return executor.query<Row>(text, parameters(columns, rows));
  return inTransaction(executor, async (tx) => {
    const result: { rows: Row[]; rowCount: number } = { rows: [], rowCount: 0 };
    for (let at = 0; at < rows.length; at += chunkSize) {
      const part = await tx.query<Row>(text, parameters(columns, rows.slice(at, at + chunkSize)));
      for (const row of part.rows) result.rows.push(row);
      result.rowCount += part.rowCount;
    }
    return result;
  });
}

interface Column {
  readonly name: string;
  readonly quoted: string;
  readonly type: string;
  /** Element type of the parameter: `unnest` would flatten arrays of arrays, so these travel as text. */
  readonly wireType: string;
  readonly isJson: boolean;
}

const NAME = '(?:"[^"\\0]+"|[a-z_][a-z0-9_]*)';
const TYPE = new RegExp(
  `^${NAME}(?:\\.${NAME})?(?: [a-z]+)*(?:\\(\\d+(?:, ?\\d+)?\\))?(?: [a-z]+)*((?:\\[\\])*)$`,
  'i',
);

function columnOf(name: string, type: string): Column {
  const match = TYPE.exec(type);
  if (match === null) throw invalidOption(`columns.${name}`, 'the name of a Postgres type', type);
  return {
    name,
    type,
    quoted: quoteIdentifier(name, 'columns'),
    wireType: match[1] === '' ? type : 'text',
    isJson: /^jsonb?$/i.test(type),
  };
}

function statement(options: InsertManyOptions, columns: readonly Column[]): string {
  if (columns.length === 0) throw invalidOption('columns', 'at least one column', '{}');
  const names = columns.map(({ quoted }) => quoted).join(', ');
  const arrays = columns.map(({ wireType }, index) => `$${index + 1}::${wireType}[]`).join(', ');
  const aliases = columns.map((_, index) => `c${index}`).join(', ');
  const values = columns
    .map(({ type, wireType }, index) => `c${index}${wireType === type ? '' : `::${type}`}`)
    .join(', ');
  const conflict = options.onConflict === undefined ? '' : ` ON CONFLICT ${options.onConflict}`;
  const returning = options.returning === undefined ? '' : ` RETURNING ${options.returning}`;
  return `INSERT INTO ${quoteTable(options.table)} (${names}) SELECT ${values} FROM unnest(${arrays}) AS rows(${aliases})${conflict}${returning}`;
}

function parameters(columns: readonly Column[], rows: InsertManyOptions['rows']): unknown[][] {
  return columns.map((column) => rows.map((row) => wireValue(column, row[column.name])));
}

function wireValue(column: Column, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (column.isJson) return typeof value === 'string' ? value : JSON.stringify(value);
  if (!Array.isArray(value)) return value;
  if (column.wireType !== column.type) return encodeArrayText(value);
  throw new SqlError(
    'SQL_STATEMENT_INVALID',
    `Column ${column.quoted} is of type ${column.type} and cannot take an array`,
    { details: { column: column.name } },
  );
}

/** Databases and transactions both have `transaction`; a bare executor has to be one already. */
function inTransaction<T>(executor: SqlExecutor, fn: (tx: SqlExecutor) => Promise<T>): Promise<T> {
  if (!('transaction' in executor) || typeof executor.transaction !== 'function')
    return fn(executor);
  return executor.transaction(fn);
}
