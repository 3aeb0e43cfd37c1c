import type { EventPage, EventsRequest, QueueMinute, StoredEvent } from '../../store.js';
import { eventDetail } from '../common.js';
import { MINUTE_COLUMNS, minutesOf } from './functions/journal.js';
import type { Runner } from './runner.js';

/** How often a reader that waits looks again. */
const LOOK_MS = 100;
/** The oldest transaction that is still under way. */
const UNDER_WAY = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
const CURSOR = /^(\d{1,19})-(\d{1,18})-(\d{1,9})$/;

interface Row extends Record<string, unknown> {
  id: string;
  seen: string;
  at: number;
  type: StoredEvent['type'];
  queue: string;
  subjects: string[] | null;
  subject: string | null;
  names: string[] | null;
  epochs: number[] | null;
  progress: string | null;
}

interface Position {
  /** See the table. */
  readonly seen: string;
  readonly id: string;
  /** How many events of the row were read. */
  readonly read: number;
}

const OLDEST: Position = { seen: '0', id: '0', read: 0 };

/** Reads what the functions of the database noted. */
export class Journal {
  readonly #runner: Runner;
  readonly #schema: string;
  #closed = false;

  constructor(runner: Runner, schema: string) {
    this.#runner = runner;
    this.#schema = schema;
  }

  /** Ends waiting. */
  close(): void {
    this.#closed = true;
  }

  async events(request: EventsRequest): Promise<EventPage> {
    const until = performance.now() + request.waitMs;
    const { position: from, gap } = await this.#start(request.after);
    let position = from;
    for (;;) {
      const page = await this.#page(position, request);
      position = page.position;
      const done = page.events.length > 0 || this.#closed || performance.now() >= until;
      if (done) return { events: page.events, cursor: cursorOf(position), gap };
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async minutes(queue: string, fromMs: number, toMs: number): Promise<QueueMinute[]> {
    const s = this.#schema;
    const { rows } = await this.#runner.query<QueueMinute & Record<string, unknown>>({
      text: `select at, sum(added)::bigint as added, sum(started)::bigint as started,
          sum(completed)::bigint as completed, sum(failed)::bigint as failed, sum(dead)::bigint as dead,
          sum(wait_ms) as "waitMs", max(wait_max) as "waitMaxMs", sum(run_ms) as "runMs", max(run_max) as "runMaxMs"
        from (
          select ${MINUTE_COLUMNS} from ${s}.queue_minute union all ${minutesOf(s, `${s}.queue_event`)}
        ) m where queue = $1 and at >= $2::float8 and at < $3::float8
        group by at order by at`,
      values: [queue, fromMs, toMs],
    });
    return [...rows];
  }

  async #page(
    from: Position,
    { queues, types, limit }: EventsRequest,
  ): Promise<{ events: StoredEvent[]; position: Position }> {
    const { rows } = await this.#runner.query<Row>({
      text: `select e.id::text, e.seen::text, floor(extract(epoch from at) * 1000)::float8 as at, type, queue, subjects,
          subject, names, epochs, progress
        from ${this.#schema}.queue_event e
        where (e.seen, e.id) >= ($1::bigint, $2::bigint) and e.seen < ${UNDER_WAY}
          and ($3::text[] is null or queue = any($3)) and ($4::text[] is null or type = any($4))
        order by e.seen, e.id limit $5`,
      values: [from.seen, from.id, queues ?? null, types ?? null, limit + 1],
    });
    const events: StoredEvent[] = [];
    let position = from;
    for (const row of rows) {
      const { seen, id } = row;
      const read = seen === from.seen && id === from.id ? from.read : 0;
      const count = row.subjects?.length ?? 1;
      for (let at = read; at < count && events.length < limit; at++) {
        position = { seen, id, read: at + 1 };
        events.push(eventOf(row, at, cursorOf(position)));
      }
      if (events.length >= limit) break;
    }
    return { events, position };
  }

  /** Where to begin, and whether events between there and the cursor are gone. */
  async #start(after: string | undefined): Promise<{ position: Position; gap: boolean }> {
    if (after === undefined) return { position: OLDEST, gap: false };
    if (after === 'latest') return { position: await this.#newest(), gap: false };
    const position = positionOf(after);
    if (position === undefined) return { position: OLDEST, gap: true };
    const { rows } = await this.#runner.query<{ dropped: boolean; ahead: boolean }>({
      text: `select $1::bigint >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint as ahead,
        exists (select from ${this.#schema}.queue_event_floor where (seen, id) > ($1::bigint, $2::bigint)) as dropped`,
      values: [position.seen, position.id],
    });
    // A cursor of another database, or of what this one has lost.
    if (rows[0]?.ahead === true) return { position: OLDEST, gap: true };
    return { position, gap: rows[0]?.dropped === true };
  }

  async #newest(): Promise<Position> {
    const { rows } = await this.#runner.query<{ seen: string; id: string; read: number }>({
      text: `select e.seen::text, e.id::text, e.count as read from ${this.#schema}.queue_event e
        where e.seen < ${UNDER_WAY} order by e.seen desc, e.id desc limit 1`,
      values: [],
    });
    return rows[0] ?? OLDEST;
  }
}

function positionOf(cursor: string): Position | undefined {
  const [, seen, id, read] = CURSOR.exec(cursor) ?? [];
  if (seen === undefined || id === undefined) return undefined;
  return { seen, id, read: Number(read) };
}

function cursorOf({ seen, id, read }: Position): string {
  return `${seen}-${id}-${read}`;
}

function eventOf(row: Row, index: number, cursor: string): StoredEvent {
  const name = shared(row.names ?? [], index);
  const epoch = shared(row.epochs ?? [], index);
  return {
    cursor,
    at: row.at,
    type: row.type,
    queue: row.queue,
    subject: row.subjects?.[index] ?? row.subject ?? '',
    ...(name === undefined ? {} : { name }),
    ...(epoch === undefined ? {} : { epoch }),
    ...eventDetail(row.type, row.progress),
  };
}

/** One element stands for all. */
function shared<T>(values: readonly T[], index: number): T | undefined {
  return values.length === 1 ? values[0] : values[index];
}
