import { QueueError } from '../../errors.js';
import type { ExchangeReply, ExchangeRequest } from '../../store.js';
import { exchangeArrays, sortSettlements } from './arrays.js';
import { type ExchangeRow, toClaimed } from './rows.js';
import type { Runner } from './runner.js';

/** Settles, extends and claims in one round trip. */
export class Exchanger {
  readonly #runner: Runner;
  readonly #text: string;
  readonly #name: string;

  constructor(runner: Runner, schema: string) {
    this.#runner = runner;
    this.#name = `${schema}_queue_exchange_v1`;
    this.#text = `select * from ${schema}.queue_exchange_v1($1::text, $2::float8, $3::uuid[], $4::integer[],
      $5::text[], $6::uuid[], $7::integer[], $8::text[], $9::float8[], $10::boolean[], $11::text[], $12::uuid[],
      $13::integer[], $14::text[], $15::integer)`;
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    const sorted = sortSettlements(request.settle);
    const { rows } = await this.#runner.query<ExchangeRow>(
      { text: this.#text, values: exchangeArrays(request, sorted) },
      { name: this.#name },
    );
    const [row] = rows;
    if (row === undefined) {
      throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The database gave no reply');
    }
    const settled = request.settle.map((): 'ok' | 'stale' => 'stale');
    mark(settled, sorted.completed, row.o_done);
    mark(settled, sorted.others, row.o_settled);
    const extended = new Set(row.o_extended);
    return {
      now: row.o_now,
      settled,
      extended: request.extend.map((_, index) =>
        row.o_extended === null || extended.has(index + 1) ? 'ok' : 'lost',
      ),
      claimed: toClaimed(row.o_claimed),
      nextDueAt: row.o_due,
    };
  }
}

/** Notes what went well: all, or those at the places (from 1). */
function mark(
  settled: ('ok' | 'stale')[],
  asked: readonly { readonly place: number }[],
  places: readonly number[] | null,
): void {
  const well = places === null ? asked : places.flatMap((at) => asked[at - 1] ?? []);
  for (const { place } of well) settled[place] = 'ok';
}
