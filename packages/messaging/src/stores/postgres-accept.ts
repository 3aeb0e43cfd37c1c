import {
  type GroupCommit,
  groupCommit,
  type SqlDatabase,
  type SqlTransaction,
} from '@holdfast/sql';
import type { AcceptOutcome, AcceptRules, NewMessage } from '../store.js';
import type { AcceptedMessage } from '../types.js';
import { impatientTransaction, isLockTimeout } from './postgres-locks.js';

const SECOND_LOOK_MS = 100;

type Keyed = NewMessage & { readonly idempotency: NonNullable<NewMessage['idempotency']> };

interface ReceiptRow extends Record<string, unknown> {
  client_id: string;
  key: string;
  fingerprint: string;
  id: string;
  session_id: string;
  seq: number;
  created_at: Date;
}

interface SessionSlot extends Record<string, unknown> {
  id: string;
  client_id: string;
  platform: string | null;
  chat_id: string | null;
  next_seq: number;
}

/** The messages of a batch that belong to one session, in the order they came. */
interface SessionGroup {
  readonly first: NewMessage;
  readonly messages: NewMessage[];
}

const isKeyed = (message: NewMessage): message is Keyed => message.idempotency !== null;
const keyOf = (clientId: string, key: string): string => JSON.stringify([clientId, key]);
const sessionKey = (clientId: string, platform: string | null, chatId: string | null): string =>
  JSON.stringify([clientId, platform, chatId]);
const sessionKeyOf = ({ clientId, platform, chatId }: NewMessage): string =>
  sessionKey(clientId, platform, chatId);

/** Stores new messages: concurrent calls share a transaction, and a batch of any size takes the same few statements. */
export class PostgresAccept {
  readonly #db: SqlDatabase;
  readonly #schema: string;
  /** One for each set of rules; a pipeline always uses the same. */
  readonly #batchers = new Map<string, GroupCommit<NewMessage, AcceptOutcome>>();

  /** Sessions that were held for long when last looked at, and the error that said so. */
  readonly #held = new Map<string, Error>();

  constructor(db: SqlDatabase, schema: string) {
    this.#db = db;
    this.#schema = schema;
  }

  accept(messages: readonly NewMessage[], rules: AcceptRules): Promise<AcceptOutcome[]> {
    const batcher = this.#batcher(rules);
    return Promise.all(messages.map((message) => batcher.add(message)));
  }

  #batcher(rules: AcceptRules): GroupCommit<NewMessage, AcceptOutcome> {
    const name = `${rules.sessionTimeoutMs} ${rules.idempotencyTtlMs}`;
    const known = this.#batchers.get(name);
    if (known !== undefined) return known;
    const batcher = groupCommit<NewMessage, AcceptOutcome>({
      flush: (batch) => this.#flush(batch, rules),
      maxBatch: 500,
      concurrency: 2,
      isolateFailures: true,
      database: this.#db,
    });
    this.#batchers.set(name, batcher);
    return batcher;
  }

  /**
   * A session that somebody else holds for long fails its own messages, and not those that came with them: after the
   * first wait in vain it is known, and the batch, tried again in parts, goes on without it.
   */
  async #flush(
    batch: readonly NewMessage[],
    rules: AcceptRules,
  ): Promise<readonly (AcceptOutcome | Error)[]> {
    const suspects = batch.filter((message) => this.#held.has(sessionKeyOf(message)));
    const held = suspects.length === 0 ? new Set() : await this.#heldSessions(suspects);
    for (const key of suspects.map(sessionKeyOf)) if (!held.has(key)) this.#held.delete(key);
    const free = batch.filter((message) => !this.#held.has(sessionKeyOf(message)));
    const failed = batch.map((message) => this.#held.get(sessionKeyOf(message)));
    try {
      const outcomes = free.length === 0 ? [] : await this.#writeAll(free, rules);
      const byMessage = new Map(free.map((message, i) => [message, outcomes[i]]));
      return batch.map((message, i) => byMessage.get(message) ?? failed[i] ?? unaccounted());
    } catch (error) {
      if (isLockTimeout(error)) await this.#noteHeld(free, error);
      throw error;
    }
  }

  /** Looks twice: others hold their rows for a moment only. */
  async #noteHeld(messages: readonly NewMessage[], error: Error): Promise<void> {
    const first = await this.#heldSessions(messages);
    await new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS));
    const second = await this.#heldSessions(messages);
    for (const key of first) if (second.has(key)) this.#held.set(key, error);
  }

  #writeAll(batch: readonly NewMessage[], rules: AcceptRules): Promise<AcceptOutcome[]> {
    return impatientTransaction(this.#db, (tx) => this.#write(tx, batch, rules));
  }

  /** Open sessions of these messages whose rows another transaction holds at this moment. */
  async #heldSessions(messages: readonly NewMessage[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#db.query<SessionSlot>(
      `with open as materialized (
         select s.id, s.client_id, s.platform, s.chat_id from ${this.#schema}.messaging_sessions s
         join json_to_recordset($1::json) as r(client_id text, platform text, chat_id text)
           on s.client_id = r.client_id and coalesce(s.platform, '') = coalesce(r.platform, '')
           and coalesce(s.chat_id, '') = coalesce(r.chat_id, '')
         where s.open
       ), free as materialized (
         select s.id from ${this.#schema}.messaging_sessions s where s.id in (select open.id from open)
         for update skip locked
       )
       select client_id, platform, chat_id from open where id not in (select free.id from free)`,
      [JSON.stringify([...groupBySession(messages).values()].map(sessionRow))],
    );
    return new Set(rows.map((row) => sessionKey(row.client_id, row.platform, row.chat_id)));
  }

  async #write(
    tx: SqlTransaction,
    batch: readonly NewMessage[],
    rules: AcceptRules,
  ): Promise<AcceptOutcome[]> {
    // One insert cannot meet the same key twice: of equal keys only the first goes in, the others look it up.
    const firsts = new Map<string, Keyed>();
    for (const message of batch.filter(isKeyed)) {
      const key = keyOf(message.clientId, message.idempotency.key);
      if (!firsts.has(key)) firsts.set(key, message);
    }
    const won = await this.#insertKeys(tx, [...firsts.values()], rules);
    const fresh = batch.filter((message) => !isKeyed(message) || won.has(message.id));
    const receipts = await this.#insertMessages(tx, fresh, rules);
    const losers = batch.filter(isKeyed).filter((message) => !won.has(message.id));
    const known = await this.#known(tx, losers);
    return batch.map((message) => outcomeOf(message, receipts, known));
  }

  /** Ids of the messages whose key is theirs. Waits for a concurrent transaction that inserts the same key. */
  async #insertKeys(
    tx: SqlTransaction,
    messages: readonly Keyed[],
    rules: AcceptRules,
  ): Promise<ReadonlySet<string>> {
    if (messages.length === 0) return new Set();
    const rows = messages.map(({ id, clientId, idempotency }) => ({
      id,
      client_id: clientId,
      key: idempotency.key,
      fingerprint: idempotency.fingerprint,
    }));
    // Sorted, so that two batches with the same keys wait for one another instead of each for the other.
    const { rows: won } = await tx.query<{ message_id: string }>(
      `insert into ${this.#schema}.messaging_idempotency as k (client_id, key, fingerprint, message_id, expires_at)
       select r.client_id, r.key, r.fingerprint, r.id, now() + $2 * interval '1 millisecond'
       from json_to_recordset($1::json) as r(id uuid, client_id text, key text, fingerprint text)
       order by r.client_id, r.key
       on conflict (client_id, key) do update
       set fingerprint = excluded.fingerprint, message_id = excluded.message_id, expires_at = excluded.expires_at
       where k.expires_at <= now()
       returning message_id`,
      [JSON.stringify(rows), rules.idempotencyTtlMs],
    );
    return new Set(won.map((row) => row.message_id));
  }

  async #known(
    tx: SqlTransaction,
    messages: readonly Keyed[],
  ): Promise<ReadonlyMap<string, ReceiptRow>> {
    if (messages.length === 0) return new Map();
    const keys = messages.map(({ clientId, idempotency }) => ({
      client_id: clientId,
      key: idempotency.key,
    }));
    const { rows } = await tx.query<ReceiptRow>(
      `select k.client_id, k.key, k.fingerprint, m.id, m.session_id, m.seq, m.created_at
       from (select distinct client_id, key from json_to_recordset($1::json) as r(client_id text, key text)) r
       join ${this.#schema}.messaging_idempotency k using (client_id, key)
       join ${this.#schema}.messaging_messages m on m.id = k.message_id`,
      [JSON.stringify(keys)],
    );
    return new Map(rows.map((row) => [keyOf(row.client_id, row.key), row]));
  }

  async #insertMessages(
    tx: SqlTransaction,
    messages: readonly NewMessage[],
    rules: AcceptRules,
  ): Promise<ReadonlyMap<string, AcceptedMessage>> {
    if (messages.length === 0) return new Map();
    const groups = groupBySession(messages);
    const slots = await this.#openSessions(tx, groups, rules);
    const rows = [...groups].flatMap(([key, group]) => rowsOf(group, slots.get(key)));
    const { rows: inserted } = await tx.query<{
      id: string;
      session_id: string;
      client_id: string;
      seq: number;
      created_at: Date;
    }>(
      `insert into ${this.#schema}.messaging_messages
         (id, session_id, seq, client_id, text, locale, platform, chat_id, webhook_url, metadata, request_id, carrier)
       select r.id, r.session_id, r.seq, r.client_id, r.text, r.locale, r.platform, r.chat_id, r.webhook_url,
         r.metadata, r.request_id, r.carrier
       from json_to_recordset($1::json) as r(id uuid, session_id uuid, seq integer, client_id text, text text,
         locale text, platform text, chat_id text, webhook_url text, metadata json, request_id text, carrier json)
       returning id, session_id, client_id, seq, created_at`,
      [JSON.stringify(rows)],
    );
    return new Map(
      inserted.map((row) => [
        row.id,
        {
          id: row.id,
          sessionId: row.session_id,
          clientId: row.client_id,
          seq: row.seq,
          status: 'accepted',
          createdAt: row.created_at,
        },
      ]),
    );
  }

  /** Finds or opens the session of each group and reserves its next numbers. The row lock keeps them gapless. */
  async #openSessions(
    tx: SqlTransaction,
    groups: ReadonlyMap<string, SessionGroup>,
    rules: AcceptRules,
  ): Promise<ReadonlyMap<string, SessionSlot>> {
    const slots = await this.#upsertSessions(tx, groups, rules);
    const rested = new Map([...groups].filter(([key]) => !slots.has(key)));
    if (rested.size === 0) return slots;
    await tx.query(
      `update ${this.#schema}.messaging_sessions s set open = false
       from json_to_recordset($1::json) as r(client_id text, platform text, chat_id text)
       where s.open and s.client_id = r.client_id
         and coalesce(s.platform, '') = coalesce(r.platform, '') and coalesce(s.chat_id, '') = coalesce(r.chat_id, '')`,
      [JSON.stringify([...rested.values()].map(sessionRow))],
    );
    const opened = await this.#upsertSessions(tx, rested, rules);
    return new Map([...slots, ...opened]);
  }

  async #upsertSessions(
    tx: SqlTransaction,
    groups: ReadonlyMap<string, SessionGroup>,
    rules: AcceptRules,
  ): Promise<Map<string, SessionSlot>> {
    // A session that rested too long is locked but not changed, and is missing from the result. Sorted: see #insertKeys.
    const { rows } = await tx.query<SessionSlot>(
      `insert into ${this.#schema}.messaging_sessions as s (id, client_id, platform, chat_id, webhook_url, next_seq)
       select r.id, r.client_id, r.platform, r.chat_id, r.webhook_url, r.n + 1
       from json_to_recordset($1::json)
         as r(id uuid, client_id text, platform text, chat_id text, webhook_url text, n integer)
       order by r.client_id, coalesce(r.platform, ''), coalesce(r.chat_id, '')
       on conflict (client_id, coalesce(platform, ''), coalesce(chat_id, '')) where open do update
       set next_seq = s.next_seq + excluded.next_seq - 1,
         webhook_url = coalesce(excluded.webhook_url, s.webhook_url),
         last_activity_at = greatest(s.last_activity_at, now())
       where s.last_activity_at >= now() - $2 * interval '1 millisecond'
       returning id, client_id, platform, chat_id, next_seq`,
      [JSON.stringify([...groups.values()].map(sessionRow)), rules.sessionTimeoutMs],
    );
    return new Map(rows.map((row) => [sessionKey(row.client_id, row.platform, row.chat_id), row]));
  }
}

function groupBySession(messages: readonly NewMessage[]): Map<string, SessionGroup> {
  const groups = new Map<string, SessionGroup>();
  for (const message of messages) {
    const key = sessionKeyOf(message);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: message, messages: [message] });
    else group.messages.push(message);
  }
  return groups;
}

function sessionRow({ first, messages }: SessionGroup): object {
  return {
    id: first.newSessionId,
    client_id: first.clientId,
    platform: first.platform,
    chat_id: first.chatId,
    webhook_url: messages.findLast((message) => message.webhookUrl !== null)?.webhookUrl ?? null,
    n: messages.length,
  };
}

function rowsOf({ messages }: SessionGroup, slot: SessionSlot | undefined): object[] {
  if (slot === undefined) throw new Error('A session was neither found nor opened');
  return messages.map((message, i) => ({
    id: message.id,
    session_id: slot.id,
    seq: slot.next_seq - messages.length + i,
    client_id: message.clientId,
    text: message.text,
    locale: message.locale,
    platform: message.platform,
    chat_id: message.chatId,
    webhook_url: message.webhookUrl,
    metadata: message.metadata,
    request_id: message.requestId,
    carrier: message.carrier,
  }));
}

function unaccounted(): never {
  throw new Error('A message was neither stored nor found');
}

function outcomeOf(
  message: NewMessage,
  receipts: ReadonlyMap<string, AcceptedMessage>,
  known: ReadonlyMap<string, ReceiptRow>,
): AcceptOutcome {
  const receipt = receipts.get(message.id);
  if (receipt !== undefined) return { kind: 'accepted', message: receipt };
  const { idempotency, clientId } = message;
  const row = idempotency === null ? undefined : known.get(keyOf(clientId, idempotency.key));
  if (row === undefined) return unaccounted();
  if (row.fingerprint !== idempotency?.fingerprint) return { kind: 'mismatch', messageId: row.id };
  const { id, session_id: sessionId, seq, created_at: createdAt } = row;
  return {
    kind: 'replayed',
    message: { id, sessionId, clientId, seq, status: 'accepted', createdAt },
  };
}
