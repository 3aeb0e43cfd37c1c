import { createHash, randomBytes } from 'node:crypto';
import type { SqlDatabase, Subscription } from '@holdfast/sql';
import type { ClaimedTask, ExchangeRequest } from '../../store.js';
import { Handovers } from '../handovers.js';
import type { Leases } from './leases.js';
import { type Part, partsToClaimed } from './rows.js';

/** An exchange, as far as workers that wait are concerned. */
export interface Visit {
  /** What was heard, see `parkText`. */
  readonly heard: string;
  /** Its name where it parks the worker. */
  readonly park: string | null;
  readonly channel: string | null;
  /** The answer came. */
  answered(): void;
  /** It is over, answered or not. */
  ended(): void;
}

type Message = readonly [
  token: string,
  number: number,
  lease: number,
  leaseMs: number,
  keeps: boolean,
  part: Part,
];

/** Workers of this process that wait at their queues, and what they are handed. */
export class Parked {
  readonly #schema: string;
  readonly #leases: Leases;
  readonly #handovers = new Handovers();
  readonly #listening = new Set<string>();
  readonly #instance = randomBytes(8).toString('hex');
  #visits = 0;

  constructor(schema: string, leases: Leases) {
    this.#schema = schema;
    this.#leases = leases;
  }

  /** Calls `take` with what is handed over to a worker. */
  async listen(
    db: SqlDatabase,
    worker: string,
    take: (claimed: readonly ClaimedTask[]) => void,
  ): Promise<Subscription> {
    const subscription = await db.listen(this.#channelOf(worker), (text) => {
      const [token, number, lease, leaseMs, keeps, part]: Message = JSON.parse(text);
      if (!this.#handovers.hear(worker, token, number)) return;
      const claimed = partsToClaimed([part]);
      this.#leases.claimed(lease, claimed, keeps, leaseMs);
      take(claimed);
    });
    this.#listening.add(worker);
    const close = async (): Promise<void> => {
      this.#listening.delete(worker);
      await subscription.close();
    };
    return { close, [Symbol.asyncDispose]: close };
  }

  /** An exchange begins. Only a worker that listens in this process is parked. */
  begin({ worker, claim }: ExchangeRequest): Visit {
    const number = ++this.#visits;
    const parks = claim.park === true && claim.limit > 0 && this.#listening.has(worker);
    const token = `${this.#instance}.${number}`;
    const heard = this.#handovers.begin(worker, token, parks);
    const isBefore = (other: string): boolean =>
      Number(other.slice(other.lastIndexOf('.') + 1)) < number;
    return {
      heard,
      park: parks ? token : null,
      channel: parks ? this.#channelOf(worker) : null,
      answered: () => this.#handovers.answered(worker, isBefore),
      ended: () => this.#handovers.ended(worker, token),
    };
  }

  /** A name may be longer than a channel's. Should two workers share one, their tokens tell them apart. */
  #channelOf(worker: string): string {
    return `${this.#schema}_hand_${createHash('sha256').update(worker).digest('hex').slice(0, 9)}`;
  }
}

/** An exchange that leaves waiting workers alone. */
export const NO_VISIT: Visit = {
  heard: '',
  park: null,
  channel: null,
  answered: () => undefined,
  ended: () => undefined,
};
