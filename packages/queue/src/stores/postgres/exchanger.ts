import { QueueError } from '../../errors.js';
import type { ExchangeReply, ExchangeRequest } from '../../store.js';
import { exchangeArrays, type Sorted, sortSettlements } from './arrays.js';
import type { Leases } from './leases.js';
import { NO_VISIT, type Parked, type Visit } from './parked.js';
import { type ExchangeRow, toClaimed } from './rows.js';
import type { Runner } from './runner.js';
import type { PostgresTransaction } from './transactions.js';

/** Settles, extends and claims in one round trip. */
export class Exchanger {
  readonly #runner: Runner;
  readonly #text: string;
  readonly #name: string;
  readonly #leases: Leases;
  readonly #parked: Parked;

  constructor(runner: Runner, schema: string, leases: Leases, parked: Parked) {
    this.#runner = runner;
    this.#leases = leases;
    this.#parked = parked;
    this.#name = `${schema}_queue_exchange_v1`;
    this.#text = `select o_now as now, o_due as due, o_done as done,
      o_done_cancelled as donecancelled, o_settled as settled, o_settled_cancelled as settledcancelled,
      o_extended as extended, o_cancelling as cancelling, o_lease as lease, o_renewed as renewed, o_keeps as keeps,
      o_claimed as claimed from ${schema}.queue_exchange_v1($1::text, $2::float8, $3::uuid[], $4::integer,
      $5::text[], $6::uuid[], $7::integer[], $8::text[], $9::float8[], $10::boolean[], $11::text[], $12::text[],
      $13::uuid[], $14::integer[], $15::text[], $16::text[], $17::integer, $18::boolean, $19::bigint[], $20::text, $21::text,
      $22::text)`;
  }

  /** In the caller's transaction where one is given. */
  async exchange(request: ExchangeRequest, tx?: PostgresTransaction): Promise<ExchangeReply> {
    const sorted = sortSettlements(request.settle);
    const visit = tx === undefined ? this.#parked.begin(request) : NO_VISIT;
    const row = await this.#send(request, sorted, visit, tx).finally(visit.ended);
    visit.answered();
    const settled = request.settle.map((): 'ok' | 'stale' => 'stale');
    mark(settled, row.done === null ? sorted.completed : completedOf(sorted, row.done));
    mark(settled, row.settled === null ? sorted.others : othersOf(sorted, row.settled));
    const cancelled = [
      ...completedOf(sorted, row.donecancelled ?? []),
      ...othersOf(sorted, row.settledcancelled ?? []),
    ].map(({ place }) => place);
    const extended = extendedOf(request, row);
    const claimed = toClaimed(row.claimed);
    // What the caller rolls back was not settled.
    if (tx === undefined) this.#note(request, row, { settled, extended, claimed });
    return {
      now: row.now,
      settled,
      extended,
      ...(cancelled.length === 0 ? {} : { cancelled: cancelled.sort((a, b) => a - b) }),
      claimed,
      nextDueAt: row.due,
    };
  }

  async #send(
    request: ExchangeRequest,
    sorted: Sorted,
    visit: Visit,
    tx: PostgresTransaction | undefined,
  ): Promise<ExchangeRow> {
    const kept = tx !== undefined || this.#leases.mayKeep(request.settle);
    const over = tx === undefined ? this.#leases.takeOver() : [];
    const { heard, park, channel } = visit;
    const values = [...exchangeArrays(request, sorted), kept, over, heard, park, channel];
    const { rows } = await this.#runner.query<ExchangeRow>(
      { text: this.#text, values },
      { name: this.#name },
      tx,
    );
    const [row] = rows;
    if (row === undefined) {
      throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The database gave no reply');
    }
    return row;
  }

  #note(
    request: ExchangeRequest,
    row: ExchangeRow,
    { settled, extended, claimed }: Pick<ExchangeReply, 'settled' | 'extended' | 'claimed'>,
  ): void {
    // A stale one may be another worker's lease, which goes on.
    request.settle.forEach((ref, index) => {
      if (settled[index] === 'ok') this.#leases.settled(ref);
    });
    if (row.renewed !== null) {
      this.#leases.extended(row.renewed, request, (index) => extended[index] !== 'lost');
    }
    if (row.lease !== null) this.#leases.claimed(row.lease, claimed, row.keeps, request.leaseMs);
  }
}

function extendedOf({ extend }: ExchangeRequest, row: ExchangeRow): ExchangeReply['extended'] {
  if (extend.length === 0) return [];
  const extended = new Set(row.extended);
  const cancelling = new Set(row.cancelling);
  return extend.map((_, index) => {
    if (row.extended !== null && !extended.has(index + 1)) return 'lost';
    return cancelling.has(index + 1) ? 'cancel' : 'ok';
  });
}

interface Placed {
  readonly place: number;
}

/** The completed tasks with these ids. */
function completedOf({ completed }: Sorted, ids: readonly string[]): Placed[] {
  const wanted = new Set(ids);
  return completed.filter(({ settlement }) => wanted.has(settlement.id));
}

/** The other settlements at these places (from 1) in the parameters. */
function othersOf({ others }: Sorted, places: readonly number[]): Placed[] {
  return places.flatMap((at) => others[at - 1] ?? []);
}

function mark(settled: ('ok' | 'stale')[], well: readonly Placed[]): void {
  for (const { place } of well) settled[place] = 'ok';
}
