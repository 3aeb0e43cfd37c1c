/**
 * A transaction that enqueues can join: one of `@holdfast/sql`, a client of `pg` after its `BEGIN`, or whatever else
 * runs a statement with `$1` parameters. It stays the caller's: committing and rolling back are too.
 */
export interface PostgresTransaction {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** What {@link drizzleTransaction} uses of Drizzle's `sql`. */
export interface DrizzleSql<Chunk> {
  raw(text: string): Chunk;
  param(value: unknown): unknown;
  join(chunks: never[]): Chunk;
}

/**
 * Lets an enqueue join a transaction of Drizzle (`drizzle-orm/node-postgres`).
 *
 * @example
 * ```ts
 * await drizzle.transaction(async (tx) => {
 *   await tx.insert(orders).values(order);
 *   await queue.enqueue(ship, order, { tx: drizzleTransaction(tx, sql) });
 * });
 * ```
 */
export function drizzleTransaction<Chunk>(
  tx: { execute(statement: Chunk): PromiseLike<unknown> },
  sql: DrizzleSql<Chunk>,
): PostgresTransaction {
  return {
    query: async (text, values = []) => {
      const chunks = split(text).map((part) =>
        typeof part === 'string' ? sql.raw(part) : sql.param(wireValue(values[part])),
      );
      return { rows: rowsOf(await tx.execute(sql.join(chunks as never[]))) };
    },
  };
}

/**
 * Lets an enqueue join a transaction of Kysely; `CompiledQuery` is Kysely's.
 *
 * @example
 * ```ts
 * await kysely.transaction().execute(async (trx) => {
 *   await trx.insertInto('orders').values(order).execute();
 *   await queue.enqueue(ship, order, { tx: kyselyTransaction(trx, CompiledQuery) });
 * });
 * ```
 */
export function kyselyTransaction<Compiled>(
  trx: { executeQuery(query: Compiled): Promise<unknown> },
  compiledQuery: { raw(sql: string, parameters?: unknown[]): Compiled },
): PostgresTransaction {
  return {
    query: async (text, values = []) => {
      const compiled = compiledQuery.raw(text, values.map(wireValue));
      return { rows: rowsOf(await trx.executeQuery(compiled)) };
    },
  };
}

/**
 * Lets an enqueue join a transaction of Knex.
 *
 * @example
 * ```ts
 * await knex.transaction(async (trx) => {
 *   await trx('orders').insert(order);
 *   await queue.enqueue(ship, order, { tx: knexTransaction(trx) });
 * });
 * ```
 */
export function knexTransaction(trx: {
  raw(sql: string, bindings: never[]): PromiseLike<unknown>;
}): PostgresTransaction {
  return {
    query: async (text, values = []) => {
      const parts = split(text);
      // Knex counts question marks, so each that is not a parameter is escaped.
      const sql = parts.map((part) =>
        typeof part === 'string' ? part.replaceAll('?', '\\?') : '?',
      );
      const bindings = parts.flatMap((part) =>
        typeof part === 'string' ? [] : [wireValue(values[part])],
      );
      return { rows: rowsOf(await trx.raw(sql.join(''), bindings as never[])) };
    },
  };
}

/**
 * Lets an enqueue join an interactive transaction of Prisma 7 (`@prisma/adapter-pg`).
 *
 * @example
 * ```ts
 * await prisma.$transaction(async (tx) => {
 *   await tx.order.create({ data: order });
 *   await queue.enqueue(ship, order, { tx: prismaTransaction(tx) });
 * });
 * ```
 */
export function prismaTransaction(tx: {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
}): PostgresTransaction {
  return {
    query: async (text, values = []) => {
      const rows = rowsOf(await tx.$queryRawUnsafe(text, ...values.map(wireValue)));
      return { rows: rows.map(withNumbers) };
    },
  };
}

/** Prisma gives large integers as BigInt; those of the queue are counts, ordinals and milliseconds. */
function withNumbers(row: unknown): unknown {
  const fields = Object.entries(Object(row));
  return Object.fromEntries(
    fields.map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}

/** A statement as its texts and the indexes of its values. */
function split(text: string): (string | number)[] {
  return text.split(/\$(\d+)/).map((part, index) => (index % 2 === 0 ? part : Number(part) - 1));
}

/** Drivers differ in what they make of arrays, so they get the text of one. */
function wireValue(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const items = value.map((item: unknown) =>
    item === null ? 'NULL' : `"${String(item).replace(/["\\]/g, '\\$&')}"`,
  );
  return `{${items.join(',')}}`;
}

function rowsOf(result: unknown): unknown[] {
  if (Array.isArray(result)) return result;
  const rows: unknown = Object(result).rows;
  return Array.isArray(rows) ? rows : [];
}
