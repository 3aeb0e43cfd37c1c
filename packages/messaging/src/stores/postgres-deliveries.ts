import { type GroupCommit, groupCommit, type SqlDatabase } from '@holdfast/sql';
import type {
  ClaimDeliveriesOptions,
  ClaimedDelivery,
  DeliverySettlement,
  ReleasedDelivery,
  ReplayOutcome,
} from '../store.js';
import { type DeliveryRow, deliveryOf } from './postgres-rows.js';

const ACTIVE = "('pending', 'retrying', 'sending')";
/** The first try after a replay is the replay's; what the schedule adds is the schedule's. */
const TRIGGER = "case when d.replays > 0 and d.tries = 1 then 'replay' else 'schedule' end";

/** Takes due deliveries and writes results: concurrent results share a transaction. */
export class PostgresDeliveries {
  readonly #db: SqlDatabase;
  readonly #schema: string;
  readonly #batcher: GroupCommit<DeliverySettlement, boolean>;

  constructor(db: SqlDatabase, schema: string) {
    this.#db = db;
    this.#schema = schema;
    this.#batcher = groupCommit<DeliverySettlement, boolean>({
      flush: (batch) => this.#write(batch),
      maxBatch: 256,
      concurrency: 2,
      isolateFailures: true,
      database: db,
    });
  }

  async claim(options: ClaimDeliveriesOptions): Promise<ClaimedDelivery[]> {
    const { limit, leaseMs, perHost, held } = options;
    const table = `${this.#schema}.messaging_deliveries`;
    // Walks from host to host through the index, so a host with a long backlog costs no more than one without. Those of
    // which the fewest are held come first: many dead hosts with old backlogs do not take all places for themselves.
    const { rows } = await this.#db.query<DeliveryRow>(
      `with recursive hosts(host) as (
         (select d.host from ${table} d where d.status in ${ACTIVE} order by d.host limit 1)
         union all
         select (select d.host from ${table} d where d.status in ${ACTIVE} and d.host > h.host order by d.host limit 1)
         from hosts h where h.host is not null
       ), room as (
         select h.host, coalesce(held.n, 0) as held, greatest(0, $3::int - coalesce(held.n, 0)) as n from hosts h
         left join json_to_recordset($4::json) as held(host text, n integer) on held.host = h.host
         where h.host is not null
       ), due as materialized (
         select d.id, d.due_at, room.host, room.held from room cross join lateral (
           select x.id, x.due_at from ${table} x
           where x.status in ${ACTIVE} and x.host = room.host and x.due_at <= now()
           order by x.due_at, x.id limit room.n for update skip locked
         ) d
       ), turns as (
         select id, due_at, held + row_number() over (partition by host order by due_at, id) as turn from due
       ), chosen as materialized (
         select id from turns order by turn, due_at, id limit $1
       ), lost as (
         insert into ${this.#schema}.messaging_attempts (delivery_id, n, started_at, error_code, trigger)
         select d.id, d.attempts, d.claimed_at, 'UNKNOWN', ${TRIGGER}
         from ${table} d join chosen using (id) where d.status = 'sending'
         on conflict do nothing
       )
       update ${table} d
       set status = 'sending', attempts = d.attempts + 1, tries = d.tries + 1, epoch = d.epoch + 1,
         claimed_at = now(), due_at = now() + $2 * interval '1 millisecond'
       from chosen where d.id = chosen.id
       returning d.*`,
      [
        limit,
        leaseMs,
        perHost,
        JSON.stringify(Object.entries(held).map(([host, n]) => ({ host, n }))),
      ],
    );
    return rows.flatMap(claimedOf);
  }

  settle(items: readonly DeliverySettlement[]): Promise<boolean[]> {
    return Promise.all(items.map((item) => this.#batcher.add(item)));
  }

  async release(items: readonly ReleasedDelivery[]): Promise<void> {
    if (items.length === 0) return;
    const rows = items.map(({ deliveryId, epoch }) => ({ id: deliveryId, epoch }));
    await this.#db.query(
      `update ${this.#schema}.messaging_deliveries d
       set status = case when d.attempts = 1 then 'pending' else 'retrying' end,
         attempts = d.attempts - 1, tries = d.tries - 1, due_at = now()
       from json_to_recordset($1::json) as r(id uuid, epoch integer)
       where d.id = r.id and d.epoch = r.epoch and d.status = 'sending'`,
      [JSON.stringify(rows)],
    );
  }

  async replay(id: string): Promise<ReplayOutcome> {
    const { rowCount } = await this.#db.query(
      `update ${this.#schema}.messaging_deliveries
       set status = 'pending', tries = 0, replays = replays + 1, due_at = now()
       where id = $1 and status not in ('sending', 'no_destination')`,
      [id],
    );
    if (rowCount > 0) return 'replayed';
    const { rows } = await this.#db.query<{ status: string }>(
      `select status from ${this.#schema}.messaging_deliveries where id = $1`,
      [id],
    );
    const status = rows[0]?.status;
    if (status === undefined) return 'not_found';
    return status === 'no_destination' ? 'no_destination' : 'sending';
  }

  async #write(batch: readonly DeliverySettlement[]): Promise<boolean[]> {
    const rows = batch.map((item) => ({
      id: item.deliveryId,
      epoch: item.epoch,
      outcome: item.outcome,
      delay_ms: item.delayMs,
      duration_ms: item.durationMs,
      http_status: item.httpStatus,
      error_code: item.errorCode,
      error: item.error,
    }));
    const statement = `with settled as (
        update ${this.#schema}.messaging_deliveries d
        set status = r.outcome, due_at = now() + r.delay_ms * interval '1 millisecond',
          last_http_status = r.http_status, last_error = r.error,
          delivered_at = case when r.outcome = 'delivered' then now() else d.delivered_at end
        from json_to_recordset($1::json) as r(id uuid, epoch integer, outcome text, delay_ms float8,
          duration_ms integer, http_status integer, error_code text, error text)
        where d.id = r.id and d.epoch = r.epoch and d.status = 'sending'
        returning d.id, d.attempts, d.claimed_at, r.duration_ms, r.http_status, r.error_code, ${TRIGGER} as trigger
      )
      insert into ${this.#schema}.messaging_attempts
        (delivery_id, n, started_at, duration_ms, http_status, error_code, trigger)
      select id, attempts, claimed_at, duration_ms, http_status, error_code, trigger from settled
      returning delivery_id`;
    // A lost mark means one more attempt under the same id, which may happen anyway: on a server the commit need not
    // wait for the disk. In process it must: there nobody writes the log out in the background.
    const synchronousCommit = this.#db.engine === 'postgres' ? 'off' : 'on';
    const result = await this.#db.transaction(
      (tx) => tx.query<{ delivery_id: string }>(statement, [JSON.stringify(rows)]),
      { synchronousCommit },
    );
    const settled = new Set(result.rows.map((row) => row.delivery_id));
    return batch.map((item) => settled.has(item.deliveryId));
  }
}

function claimedOf(row: DeliveryRow): ClaimedDelivery[] {
  const { url, host, body, carrier, epoch, attempts, tries, replays } = row;
  if (url === null || host === null) return [];
  const trigger = replays > 0 && tries === 1 ? 'replay' : 'schedule';
  const delivery = deliveryOf(row);
  return [
    { delivery, url, host, body, carrier, epoch, attempt: attempts, tryNumber: tries, trigger },
  ];
}
