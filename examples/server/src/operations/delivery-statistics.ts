import { type BatchHandler, defineTask, handleBatch } from '@holdfast/queue';
import { migrate, type SqlDatabase } from '@holdfast/sql';
import { z } from 'zod';

const KEPT_DAYS = 90;
const count = z.int().min(0);

/** What became of attempts to deliver within an hour. */
const hourSchema = z.strictObject({
  hour: z.iso.datetime(),
  delivered: count,
  retrying: count,
  dead: count,
  /** Of all of them together, in milliseconds. */
  duration_ms: count,
});

/** Attempts to deliver in the hour that begins at `hour`. */
export type DeliveryHour = z.output<typeof hourSchema>;

/** Adds what a process counted to the statistics. */
export const countDeliveries = defineTask('delivery.count', { payload: hourSchema });

const UPSERT = `
  insert into holdfast.server_delivery_hours as h (hour, delivered, retrying, dead, duration_ms)
  select * from unnest($1::timestamptz[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
  on conflict (hour) do update set
    delivered = h.delivered + excluded.delivered,
    retrying = h.retrying + excluded.retrying,
    dead = h.dead + excluded.dead,
    duration_ms = h.duration_ms + excluded.duration_ms`;

/** How deliveries went, by the hour, of all processes together. */
export class DeliveryStatistics {
  readonly #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  /** Makes the table. */
  async init(): Promise<void> {
    const up = `create table holdfast.server_delivery_hours (
      hour timestamptz primary key,
      delivered bigint not null,
      retrying bigint not null,
      dead bigint not null,
      duration_ms bigint not null
    )`;
    await migrate(this.#db, {
      namespace: 'server',
      migrations: [{ id: '0001-delivery-hours', up }],
    });
  }

  /**
   * Adds many counts in one statement, and completes their tasks in its transaction: a task that runs twice is counted
   * once.
   */
  handler(): BatchHandler {
    return handleBatch(countDeliveries, async (items) => {
      const hours = perHour(items.map(({ payload }) => payload));
      await this.#db.transaction(async (tx) => {
        await tx.query(UPSERT, [
          hours.map(({ hour }) => hour),
          hours.map(({ delivered }) => delivered),
          hours.map(({ retrying }) => retrying),
          hours.map(({ dead }) => dead),
          hours.map((each) => each.duration_ms),
        ]);
        for (const { context } of items) await context.completeIn(tx);
      });
    });
  }

  /** The hours that begin within a span, the oldest first. */
  async list(from: Date, to: Date): Promise<DeliveryHour[]> {
    const { rows } = await this.#db.query<{ hour: Date } & Record<Sum, string>>(
      `select hour, delivered::text, retrying::text, dead::text, duration_ms::text
       from holdfast.server_delivery_hours where hour >= $1 and hour < $2 order by hour`,
      [from, to],
    );
    return rows.map((row) => ({
      hour: row.hour.toISOString(),
      delivered: Number(row.delivered),
      retrying: Number(row.retrying),
      dead: Number(row.dead),
      duration_ms: Number(row.duration_ms),
    }));
  }

  /** Forgets hours of more than 90 days ago. How many. */
  async prune(): Promise<number> {
    const { rows } = await this.#db.query(
      `delete from holdfast.server_delivery_hours
       where hour < now() - $1::integer * interval '1 day' returning hour`,
      [KEPT_DAYS],
    );
    return rows.length;
  }
}

type Sum = 'delivered' | 'retrying' | 'dead' | 'duration_ms';

/** One statement cannot add to a row twice. */
function perHour(counts: readonly DeliveryHour[]): DeliveryHour[] {
  const hours = new Map<string, DeliveryHour>();
  for (const each of counts) {
    const sum = hours.get(each.hour);
    if (sum === undefined) hours.set(each.hour, { ...each });
    else for (const name of SUMS) sum[name] += each[name];
  }
  return [...hours.values()];
}

const SUMS = ['delivered', 'retrying', 'dead', 'duration_ms'] as const;
