import type { SqlDatabase } from '@holdfast/sql';
import type { DeliveryFilter, MessageFilter, MessagingCounts, PageRequest } from '../store.js';
import type { Delivery, DeliveryAttempt, Message, Page, Session } from '../types.js';
import { cutPage } from './page.js';
import {
  type AttemptRow,
  attemptOf,
  type DeliveryRow,
  deliveryOf,
  type MessageViewRow,
  messageViewOf,
  type SessionRow,
  sessionOf,
} from './postgres-rows.js';

type CountsRow = Record<
  'accepted' | 'processing' | 'failed' | 'pending' | 'sending' | 'retrying' | 'dead',
  number
>;

/** Reads what there is. */
export class PostgresReads {
  readonly #db: SqlDatabase;
  readonly #schema: string;
  readonly #messageView: string;

  constructor(db: SqlDatabase, schema: string) {
    this.#db = db;
    this.#schema = schema;
    this.#messageView = `select m.*, d.id as delivery_id, d.status as delivery_status,
        (select json_agg(json_build_object('id', r.id, 'purpose', r.purpose, 'text', r.text, 'locale', r.locale,
           'template', r.template) order by r.position)
         from ${schema}.messaging_replies r where r.message_id = m.id) as replies
      from ${schema}.messaging_messages m left join ${schema}.messaging_deliveries d on d.message_id = m.id`;
  }

  async message(id: string): Promise<Message | null> {
    const { rows } = await this.#db.query<MessageViewRow>(`${this.#messageView} where m.id = $1`, [
      id,
    ]);
    return rows[0] === undefined ? null : messageViewOf(rows[0]);
  }

  async messages(filter: MessageFilter, { limit, after }: PageRequest): Promise<Page<Message>> {
    const { status = null, clientId = null, sessionId = null } = filter;
    const { rows } = await this.#db.query<MessageViewRow>(
      `${this.#messageView}
       where ($1::uuid is null or m.id < $1) and ($2::text is null or m.status = $2)
         and ($3::text is null or m.client_id = $3) and ($4::uuid is null or m.session_id = $4)
       order by m.id desc limit $5`,
      [after, status, clientId, sessionId, limit + 1],
    );
    return cutPage(rows.map(messageViewOf), limit);
  }

  async session(id: string): Promise<Session | null> {
    const { rows } = await this.#db.query<SessionRow>(
      `select * from ${this.#schema}.messaging_sessions where id = $1`,
      [id],
    );
    return rows[0] === undefined ? null : sessionOf(rows[0]);
  }

  async delivery(id: string): Promise<Delivery | null> {
    const { rows } = await this.#db.query<DeliveryRow>(
      `select * from ${this.#schema}.messaging_deliveries where id = $1`,
      [id],
    );
    return rows[0] === undefined ? null : deliveryOf(rows[0]);
  }

  async deliveries(filter: DeliveryFilter, { limit, after }: PageRequest): Promise<Page<Delivery>> {
    const { status = null, messageId = null } = filter;
    const { rows } = await this.#db.query<DeliveryRow>(
      `select * from ${this.#schema}.messaging_deliveries
       where ($1::uuid is null or id < $1) and ($2::text is null or status = $2)
         and ($3::uuid is null or message_id = $3)
       order by id desc limit $4`,
      [after, status, messageId, limit + 1],
    );
    return cutPage(rows.map(deliveryOf), limit);
  }

  async attempts(
    deliveryId: string,
    { limit, after }: PageRequest,
  ): Promise<Page<DeliveryAttempt>> {
    const { rows } = await this.#db.query<AttemptRow>(
      `select * from ${this.#schema}.messaging_attempts where delivery_id = $1 and n > $2 order by n limit $3`,
      [deliveryId, after === null ? 0 : Number(after), limit + 1],
    );
    const items = rows.slice(0, limit).map(attemptOf);
    return { items, nextCursor: rows.length > limit ? String(items.at(-1)?.n) : null };
  }

  async counts(): Promise<MessagingCounts> {
    const messages = `${this.#schema}.messaging_messages where status`;
    const deliveries = `${this.#schema}.messaging_deliveries where status`;
    const { rows } = await this.#db.query<CountsRow>(
      `select m.*, d.*, (select count(*)::int from ${messages} = 'failed') as failed,
         (select count(*)::int from ${deliveries} = 'dead') as dead
       from (select count(*) filter (where status = 'accepted')::int as accepted,
           count(*) filter (where status = 'processing')::int as processing
         from ${messages} in ('accepted', 'processing')) m,
         (select count(*) filter (where status = 'pending')::int as pending,
           count(*) filter (where status = 'sending')::int as sending,
           count(*) filter (where status = 'retrying')::int as retrying
         from ${deliveries} in ('pending', 'retrying', 'sending')) d`,
    );
    const row = rows[0];
    if (row === undefined) throw new Error('The database counted nothing');
    const { accepted, processing, failed, pending, sending, retrying, dead } = row;
    return {
      messages: { accepted, processing, failed },
      deliveries: { pending, sending, retrying, dead },
    };
  }
}
