import type { EventEmitter } from 'node:events';

/** A result as `pg` gives it. */
export interface PgResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: Record<string, unknown>[];
}

/** A statement as `pg` takes it. */
export interface PgStatement {
  text: string;
  values?: unknown[];
  name?: string;
  types?: { getTypeParser(oid: number, format?: string): (value: string) => unknown };
  queryMode?: 'extended';
  query_timeout?: number;
}

/** What this package uses of a client of `pg`. It is structural, so that nobody's types depend on `pg`. */
export interface PgClientLike extends Pick<EventEmitter, 'on' | 'removeListener'> {
  query(statement: PgStatement): Promise<PgResult | PgResult[]>;
}

/** A client taken from a pool. */
export interface PgPoolClientLike extends PgClientLike {
  /** Gives the client back, or ends it. */
  release(destroy?: boolean): void;
}

/** What this package uses of a `pg.Pool`. */
export interface PgPoolLike extends Pick<EventEmitter, 'on' | 'removeListener'> {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max?: number };
  connect(): Promise<PgPoolClientLike>;
  end(): Promise<void>;
}
