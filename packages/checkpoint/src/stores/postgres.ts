import { migrate, type SqlDatabase, type SqlExecutor, type SqlTransaction } from '@holdfast/sql';
import type { CheckpointSelector, Json, SubjectInfo } from '../checkpoint.js';
import { sha256 } from '../segments.js';
import type {
  AppendOutcome,
  CheckpointStore,
  InTransaction,
  NewVersion,
  Segment,
  StoredOrigin,
  StoredVersion,
  SubjectQuery,
  VersionQuery,
} from '../store.js';
import { migrations } from './postgres-migrations.js';

const HASH_BYTES = 32;

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /**
   * Schema of the tables; created when there is none.
   * @defaultValue `'holdfast'`
   */
  schema?: string;
}

/** A {@link CheckpointStore} in Postgres. */
export interface PostgresCheckpointStore extends CheckpointStore<SqlTransaction> {
  /**
   * Creates its tables, or brings them up to date. Safe from many processes at once. Call it before anything else.
   * @throws SqlError as `migrate` of `@holdfast/sql` does
   */
  migrate(): Promise<void>;
}

/**
 * Keeps versions in Postgres, a server or embedded. Call `migrate()` of what it returns once at start. The database
 * stays the caller's to close.
 */
export function postgresStore(
  db: SqlDatabase,
  options: PostgresStoreOptions = {},
): PostgresCheckpointStore {
  return new PostgresStore(db, options.schema ?? 'holdfast');
}

interface VersionRow extends Record<string, unknown> {
  id: string;
  subject: string;
  version: number;
  parent: string | null;
  label: string | null;
  tags: string[];
  author: string | null;
  metadata: Record<string, Json>;
  created_at: Date;
  size: number;
  content_hash: string;
  checksum: string;
  origin: StoredOrigin;
  manifest: string;
  refs: Uint8Array;
}

interface Head extends Record<string, unknown> {
  id: number;
  head: number;
  head_id: string | null;
}

class PostgresStore implements PostgresCheckpointStore {
  readonly name = 'postgres';
  readonly #db: SqlDatabase;
  readonly #schema: string;
  /** Tells the prepared statements of one schema from another's; Postgres cuts names after 63 bytes. */
  readonly #key: string;
  /** Quoted names of the tables. */
  readonly #subject: string;
  readonly #version: string;
  readonly #segment: string;

  constructor(db: SqlDatabase, schema: string) {
    this.#db = db;
    this.#schema = schema;
    this.#key = sha256(schema).slice(0, 16);
    const quoted = `"${schema.replaceAll('"', '""')}"`;
    this.#subject = `${quoted}.checkpoint_subject`;
    this.#version = `${quoted}.checkpoint_version`;
    this.#segment = `${quoted}.checkpoint_segment`;
  }

  async migrate(): Promise<void> {
    await migrate(this.#db, { namespace: 'checkpoint', schema: this.#schema, migrations });
  }

  append(
    versions: readonly NewVersion[],
    options: InTransaction<SqlTransaction> = {},
  ): Promise<readonly AppendOutcome[]> {
    const appendAll = async (tx: SqlTransaction) => {
      const outcomes: AppendOutcome[] = [];
      for (const version of versions) outcomes.push(await this.#append(tx, version));
      return outcomes;
    };
    return options.tx === undefined ? this.#db.transaction(appendAll) : appendAll(options.tx);
  }

  async find(
    subject: string,
    selector: CheckpointSelector | undefined,
    options: InTransaction<SqlTransaction> = {},
  ): Promise<StoredVersion | null> {
    const values: unknown[] = [subject];
    let condition = 'v.version = s.head';
    if (selector !== undefined) {
      const [[key, value]] = Object.entries(selector) as [[keyof typeof columns, unknown]];
      const columns = { version: 'v.version =', label: 'v.label =', at: 'v.created_at <=' };
      values.push(value);
      condition = `${columns[key]} $2`;
    }
    const { rows } = await this.#on(options).query<VersionRow>(
      `select v.*, s.subject from ${this.#version} v join ${this.#subject} s on s.id = v.subject_id
       where s.subject = $1 and ${condition} order by v.version desc limit 1`,
      values,
    );
    return rows[0] === undefined ? null : fromRow(rows[0]);
  }

  async list(
    query: VersionQuery,
    options: InTransaction<SqlTransaction> = {},
  ): Promise<readonly StoredVersion[]> {
    const { rows } = await this.#on(options).query<VersionRow>(
      `select v.*, s.subject from ${this.#version} v join ${this.#subject} s on s.id = v.subject_id
       where s.subject = $1
         and ($2::int is null or v.version < $2)
         and ($3::text is null or v.label = $3)
         and ($4::text is null or $4 = any(v.tags))
         and ($5::text is null or v.author = $5)
         and ($6::timestamptz is null or v.created_at >= $6)
         and ($7::timestamptz is null or v.created_at < $7)
       order by v.version desc limit $8`,
      [
        query.subject,
        query.before ?? null,
        query.label ?? null,
        query.tag ?? null,
        query.author ?? null,
        query.from ?? null,
        query.to ?? null,
        query.limit,
      ],
    );
    return rows.map(fromRow);
  }

  async read(
    subject: string,
    hashes: readonly string[],
    options: InTransaction<SqlTransaction> = {},
  ): Promise<readonly Segment[]> {
    const { rows } = await this.#on(options).query<{ hash: Uint8Array; body: Uint8Array }>(
      `select g.hash, g.body from ${this.#segment} g
       where g.lineage = (select id from ${this.#subject} where subject = $1)
         and g.hash = any($2::bytea[])`,
      [subject, hashes.map(bytesOf)],
    );
    return rows.map(({ hash, body }) => ({ hash: hexOf(hash), body }));
  }

  async subjects(query: SubjectQuery): Promise<readonly SubjectInfo[]> {
    // A kind is the name itself or a range of names: ';' is the character after ':'.
    const { rows } = await this.#db.query<{ subject: string; head: number; head_at: Date }>(
      `select subject, head, head_at from ${this.#subject}
       where head > 0
         and ($1::text is null or subject = $1 or (subject >= $1 || ':' and subject < $1 || ';'))
         and ($2::text is null or subject > $2)
       order by subject limit $3`,
      [query.kind ?? null, query.after ?? null, query.limit],
    );
    return rows.map(({ subject, head, head_at }) => ({
      subject,
      version: head,
      updatedAt: head_at,
    }));
  }

  transaction<T>(
    work: (tx: SqlTransaction) => Promise<T>,
    options: InTransaction<SqlTransaction> = {},
  ): Promise<T> {
    return (options.tx ?? this.#db).transaction(work);
  }

  async health(): ReturnType<CheckpointStore['health']> {
    const { status, details } = await this.#db.health();
    return { status, details: { store: this.name, ...details } };
  }

  #on({ tx }: InTransaction<SqlTransaction>): SqlExecutor {
    return tx ?? this.#db;
  }

  /**
   * Two statements, because the second must see what was committed while the first waited for the subject's lock:
   * within one statement the segments would be looked up in a snapshot from before the wait.
   */
  async #append(tx: SqlTransaction, version: NewVersion): Promise<AppendOutcome> {
    const { rows } = await tx.query<Head>(
      `insert into ${this.#subject} as s (subject) values ($1)
       on conflict (subject) do update set subject = excluded.subject
       returning s.id, s.head, s.head_id`,
      [version.subject],
      { name: `checkpoint_lock_${this.#key}` },
    );
    const [locked] = rows as [Head];
    const { expectedVersion } = version;
    if (expectedVersion !== null && expectedVersion !== locked.head) {
      return { kind: 'conflict', head: locked.head };
    }
    return this.#write(tx, version, locked);
  }

  async #write(tx: SqlTransaction, version: NewVersion, locked: Head): Promise<AppendOutcome> {
    const { rows } = await tx.query<{ created_at: Date | null; lacking: string[] }>(
      `with given as (
         insert into ${this.#segment} (lineage, hash, body)
         select $1, g.hash, g.body from unnest($2::bytea[], $3::bytea[]) as g (hash, body)
         on conflict do nothing
       ), lacking as (
         select r.hash from (select unnest($4::bytea[]) except select unnest($2::bytea[])) as r (hash)
         where not exists (
           select from ${this.#segment} g where g.lineage = $1 and g.hash = r.hash
         )
       ), head as (
         update ${this.#subject} set
           head = head + 1,
           head_id = $5::uuid,
           -- Whole milliseconds, as in a Date; never back, even when the server's clock is.
           head_at = greatest(head_at, date_trunc('milliseconds', clock_timestamp()))
         where id = $1 and not exists (select from lacking)
         returning head, head_at
       ), version as (
         insert into ${this.#version} (
           subject_id, version, created_at, id, parent, label, tags, author, metadata, size,
           content_hash, checksum, origin, manifest, refs
         )
         select $1, head, head_at, $5::uuid, $6::uuid, $7, $8::text[], $9, $10::json, $11::bigint,
           $12, $13, $14::json, $15, $16::bytea
         from head
         returning created_at
       )
       select
         (select created_at from version) as created_at,
         array(select encode(hash, 'hex') from lacking) as lacking`,
      [
        locked.id,
        version.segments.map(({ hash }) => bytesOf(hash)),
        version.segments.map(({ body }) => body),
        version.refs.map(bytesOf),
        version.id,
        locked.head_id,
        version.label,
        [...version.tags],
        version.author,
        JSON.stringify(version.metadata),
        version.size,
        version.contentHash,
        version.checksum,
        JSON.stringify(version.origin),
        version.manifest,
        Buffer.from(version.refs.join(''), 'hex'),
      ],
      { name: `checkpoint_write_${this.#key}` },
    );
    const [{ created_at: createdAt, lacking }] = rows as [(typeof rows)[number]];
    if (createdAt === null) return { kind: 'missing', hashes: lacking };
    return { kind: 'appended', version: locked.head + 1, parent: locked.head_id, createdAt };
  }
}

function fromRow(row: VersionRow): StoredVersion {
  const { refs, content_hash: contentHash, created_at: createdAt } = row;
  const hex = hexOf(refs);
  const { id, subject, version, parent, label, tags, author, metadata } = row;
  const { size, checksum, origin, manifest } = row;
  return {
    ...{ id, subject, version, parent, label, tags, author, metadata, createdAt, size },
    ...{ contentHash, checksum, origin, manifest },
    refs: Array.from({ length: refs.length / HASH_BYTES }, (_, index) =>
      hex.slice(index * HASH_BYTES * 2, (index + 1) * HASH_BYTES * 2),
    ),
  };
}

function bytesOf(hash: string): Uint8Array {
  return Buffer.from(hash, 'hex');
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
