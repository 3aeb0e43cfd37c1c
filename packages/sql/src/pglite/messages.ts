import type { SqlRow } from '../database.js';
import { type Decoder, decoderOf } from '../decode.js';
import type { SessionResult } from '../session.js';
import type { ProtocolMessage } from './pglite-like.js';

interface RowDescription extends ProtocolMessage {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

interface DataRow extends ProtocolMessage {
  readonly fields: readonly (string | null)[];
}

interface CommandComplete extends ProtocolMessage {
  readonly text: string;
}

interface Column {
  readonly name: string;
  readonly decode: Decoder;
}

function columnsOf(message: RowDescription): Column[] {
  return message.fields.map((field) => {
    return { name: field.name, decode: decoderOf(field.dataTypeID) };
  });
}

function rowOf(columns: readonly Column[], message: DataRow): SqlRow {
  const row: SqlRow = {};
  columns.forEach((column, index) => {
    const text = message.fields[index] ?? null;
    row[column.name] = text === null ? null : column.decode(text);
  });
  return row;
}

/** `INSERT 0 5` → 5, `SELECT 5` → 5, `BEGIN` → no number. */
function countOf(tag: string): number | undefined {
  const last = Number(tag.slice(tag.lastIndexOf(' ') + 1));
  return Number.isNaN(last) ? undefined : last;
}

/** The result of the last statement among the messages. */
export function readResult(messages: readonly ProtocolMessage[]): SessionResult {
  let columns: Column[] = [];
  let rows: SqlRow[] = [];
  let result: SessionResult = { rows: [], rowCount: 0, command: '' };
  for (const message of messages) {
    if (message.name === 'rowDescription') {
      columns = columnsOf(message as RowDescription);
      rows = [];
    } else if (message.name === 'dataRow') {
      rows.push(rowOf(columns, message as DataRow));
    } else if (message.name === 'commandComplete') {
      const { text } = message as CommandComplete;
      const [command = ''] = text.split(' ', 1);
      result = { rows, rowCount: countOf(text) ?? rows.length, command };
      rows = [];
    }
  }
  return result;
}
