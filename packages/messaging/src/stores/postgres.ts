import { migrate, type SqlDatabase } from '@holdfast/sql';
import { invalidOption } from '../errors.js';
import type { MessagingStore, WakeTopic } from '../store.js';
import { PostgresAccept } from './postgres-accept.js';
import { PostgresDeliveries } from './postgres-deliveries.js';
import { PostgresMessages } from './postgres-messages.js';
import { migrations } from './postgres-migrations.js';
import { PostgresReads } from './postgres-reads.js';
import { PostgresTemplates } from './postgres-templates.js';

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /** Schema of the tables `messaging_*`. @defaultValue `'holdfast'` */
  schema?: string;
}

const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,30}$/;
const PRUNE_BATCH = 5_000;
const TOPICS: readonly WakeTopic[] = ['messages', 'deliveries', 'templates'];

/**
 * Keeps everything in Postgres: a server or the embedded one. The database stays the caller's and is never closed.
 *
 * @throws MessagingError `MESSAGING_OPTION_INVALID` for a malformed schema name
 */
export function postgresStore(db: SqlDatabase, options: PostgresStoreOptions = {}): MessagingStore {
  const { schema = 'holdfast' } = options;
  if (!SCHEMA_NAME.test(schema)) {
    throw invalidOption('schema', '1 to 31 of a-z 0-9 _, no digit first', schema);
  }
  const quoted = `"${schema}"`;
  const channel = `holdfast_messaging_${schema}`;
  const accept = new PostgresAccept(db, quoted);
  const messages = new PostgresMessages(db, quoted);
  const deliveries = new PostgresDeliveries(db, quoted);
  const reads = new PostgresReads(db, quoted);
  const templates = new PostgresTemplates(db, quoted);
  return {
    name: db.engine,
    async init() {
      await migrate(db, { namespace: 'messaging', schema, migrations });
      if (db.engine === 'pglite') await endOldLeases(db, schema);
    },
    accept: (batch, rules) => accept.accept(batch, rules),
    backlog: (atMost) => messages.backlog(atMost),
    claimMessages: (claim) => messages.claim(claim),
    commit: (items, enqueue) => messages.commit(items, enqueue),
    releaseMessages: (items) => messages.release(items),
    claimDeliveries: (claim) => deliveries.claim(claim),
    settleDeliveries: (items) => deliveries.settle(items),
    releaseDeliveries: (items) => deliveries.release(items),
    replayDelivery: (id) => deliveries.replay(id),
    getMessage: (id) => reads.message(id),
    listMessages: (filter, page) => reads.messages(filter, page),
    getSession: (id) => reads.session(id),
    getDelivery: (id) => reads.delivery(id),
    listDeliveries: (filter, page) => reads.deliveries(filter, page),
    listAttempts: (id, page) => reads.attempts(id, page),
    counts: () => reads.counts(),
    listTemplates: (list) => templates.list(list?.tx),
    putTemplates: (items, put) => templates.put(items, put?.onlyMissing ?? false, put?.tx),
    replaceTemplates: (items, replace) => templates.replace(items, replace?.tx),
    prune: async () => ({ idempotencyKeys: await prune(db, quoted) }),
    wake: (topic) => db.notify(channel, topic),
    onWake: (handler) => hear(db, channel, handler),
  };
}

const opened = new WeakMap<SqlDatabase, Set<string>>();

/**
 * An embedded database belongs to one process: what was leased before this one opened it was leased by a process that
 * is gone, so nobody has to wait for those leases to end.
 */
async function endOldLeases(db: SqlDatabase, schema: string): Promise<void> {
  const schemas = opened.get(db) ?? new Set();
  if (schemas.has(schema)) return;
  opened.set(db, schemas.add(schema));
  const tables = `"${schema}".messaging_`;
  await db.query(`update ${tables}messages set available_at = now() where status = 'processing'`);
  await db.query(`update ${tables}deliveries set due_at = now() where status = 'sending'`);
}

/** In parts, so that no transaction holds many rows for long. */
async function prune(db: SqlDatabase, schema: string): Promise<number> {
  let total = 0;
  for (;;) {
    const { rowCount } = await db.query(
      `delete from ${schema}.messaging_idempotency where (client_id, key) in (
         select client_id, key from ${schema}.messaging_idempotency where expires_at <= now() limit $1)`,
      [PRUNE_BATCH],
    );
    total += rowCount;
    if (rowCount < PRUNE_BATCH) return total;
  }
}

function hear(
  db: SqlDatabase,
  channel: string,
  handler: (topic: WakeTopic) => void,
): Promise<{ close(): Promise<void> }> {
  const onReconnect = (): void => {
    for (const topic of TOPICS) handler(topic);
  };
  const onPayload = (payload: string): void => {
    const topic = TOPICS.find((known) => known === payload);
    if (topic !== undefined) handler(topic);
  };
  return db.listen(channel, onPayload, { onReconnect });
}
