import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';

/** One row of a file. */
export interface CsvRow {
  readonly text: string;
  /** From a `client_id` column, when the file has one. */
  readonly clientId: string | undefined;
}

/** What was read of a file. */
export interface CsvContent {
  readonly rows: CsvRow[];
  /** Rows without a text. */
  readonly skipped: number;
}

/**
 * Reads a UTF-8 CSV file (RFC 4180: quotes, line breaks in quotes; with or without a byte order mark) that has a
 * `text` column.
 *
 * @throws Error when the file cannot be read, is malformed, or has no such column
 */
export async function readCsv(path: string, limit = Number.POSITIVE_INFINITY): Promise<CsvContent> {
  const rows: CsvRow[] = [];
  let skipped = 0;
  const source = createReadStream(path);
  const parser = parse({
    columns: true,
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  source.once('error', (error) => parser.destroy(error));
  let first = true;
  for await (const record of source.pipe(parser) as AsyncIterable<Record<string, string>>) {
    if (first && record.text === undefined)
      throw new Error(`${path} has no column "text", only: ${Object.keys(record).join(', ')}`);
    first = false;
    if (rows.length >= limit) break;
    const text = record.text?.trim() ? record.text : undefined;
    if (text === undefined) skipped += 1;
    else rows.push({ text, clientId: record.client_id?.trim() || undefined });
  }
  source.destroy();
  return { rows, skipped };
}
