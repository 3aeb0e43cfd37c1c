import { isSqlError, SqlError, type SqlErrorCode } from './errors.js';

/** Fields of a Postgres error, as `pg` and PGlite both name them. */
interface ServerError {
  code?: unknown;
  severity?: unknown;
  routine?: unknown;
  constraint?: unknown;
  table?: unknown;
  column?: unknown;
  schema?: unknown;
  hint?: unknown;
  position?: unknown;
}

const SQL_STATE = /^[0-9A-Z]{5}$/;

/** SQLSTATEs with a meaning of their own; the rest goes by class, the first two characters. */
const BY_STATE: Readonly<Record<string, SqlErrorCode>> = {
  '40001': 'SQL_CONFLICT',
  '40P01': 'SQL_CONFLICT',
  '55P03': 'SQL_TIMEOUT',
  '55006': 'SQL_CONFLICT',
  '57014': 'SQL_TIMEOUT',
  '08P01': 'SQL_STATEMENT_INVALID',
  '25P03': 'SQL_UNAVAILABLE',
  '25P04': 'SQL_UNAVAILABLE',
  '3D000': 'SQL_UNAVAILABLE',
};

const BY_CLASS: Readonly<Record<string, SqlErrorCode>> = {
  '08': 'SQL_UNAVAILABLE',
  '23': 'SQL_CONFLICT',
  '28': 'SQL_UNAVAILABLE',
  '40': 'SQL_CONFLICT',
  '53': 'SQL_UNAVAILABLE',
  '57': 'SQL_UNAVAILABLE',
  '58': 'SQL_UNAVAILABLE',
  F0: 'SQL_UNAVAILABLE',
  XX: 'SQL_UNAVAILABLE',
};

const DETAILS = ['constraint', 'schema', 'table', 'column', 'hint', 'position'] as const;

/** The SQLSTATE of an engine's error, or of the engine's error inside an {@link SqlError}. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (isSqlError(error)) return error.details?.sqlState as string | undefined;
  const { code, severity } = error as ServerError;
  // The severity tells answers of the server from system errors, whose codes (EPIPE) can look the same.
  if (typeof severity !== 'string' || typeof code !== 'string') return undefined;
  return SQL_STATE.test(code) ? code : undefined;
}

/** Whether running the same transaction again is likely to succeed. */
export function isRepeatable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || isStalePlan(error);
}

/**
 * A named statement that has to be prepared again: its result has other columns since a migration changed a table, or
 * somebody deallocated it (26000).
 */
export function isStalePlan(error: unknown): boolean {
  const cause = isSqlError(error) ? error.cause : error;
  if (sqlState(cause) === '26000') return true;
  return sqlState(cause) === '0A000' && (cause as ServerError).routine === 'RevalidateCachedQuery';
}

function codeOf(state: string | undefined): SqlErrorCode {
  // No SQLSTATE: the socket, the name lookup, the driver or the WebAssembly instance failed.
  if (state === undefined) return 'SQL_UNAVAILABLE';
  return BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? 'SQL_STATEMENT_INVALID';
}

/** Turns whatever an engine threw into an {@link SqlError}; an SqlError passes through. */
export function toSqlError(error: unknown): SqlError {
  if (isSqlError(error)) return error;
  const state = sqlState(error);
  const details: Record<string, unknown> = state === undefined ? {} : { sqlState: state };
  for (const key of DETAILS) {
    const value = (error as ServerError | undefined)?.[key];
    if (value !== undefined && value !== '') details[key] = value;
  }
  return new SqlError(codeOf(state), describe(error), { cause: error, details });
}

/** An AggregateError of Node's connection attempts has an empty message: its parts say what happened. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(String).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
