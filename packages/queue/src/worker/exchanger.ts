import type { ClockTimer } from '../clock.js';
import type { ClaimedTask, ExchangeReply, ExchangeRequest, QueueStore } from '../store.js';
import type { Attempt } from './attempt.js';
import type { WorkerSettings } from './options.js';
import type { PendingSettlement } from './report.js';
import type { Turn } from './turn.js';

const MAX_SETTLEMENTS = 1_000;
const MAX_CLAIM = 1_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;
/** An exchange is given up after half a lease, so that the other half is left to extend it; but not before this. */
const MIN_STALL_MS = 5_000;

/** What an {@link Exchanger} asks and tells. */
export interface ExchangeHost {
  /** How many tasks may be claimed now. */
  room(): number;
  /** Whether handlers have something to go on with, so that an exchange may wait for what ends in this turn. */
  occupied(): boolean;
  /** Attempts whose leases must be extended. */
  due(): Attempt[];
  /** The queues to claim from, in order. */
  queues(): readonly string[];
  settled(pending: PendingSettlement, verdict: 'ok' | 'stale' | 'cancelled'): void;
  extended(attempt: Attempt, verdict: ExchangeReply['extended'][number], sentAt: number): void;
  /** Claims came, maybe none. */
  claimed(reply: ExchangeReply, limit: number, sentAt: number): void;
  /** Claims came from an exchange that had been given up: too late to be worked on. */
  late(claimed: readonly ClaimedTask[]): void;
  /** Nothing is under way. */
  rested(): void;
}

/** An attempt whose lease is extended, and what it reports with that. */
interface Renewal {
  readonly attempt: Attempt;
  readonly progress: string | undefined;
}

/** An exchange that was sent. */
interface Flight {
  readonly sentAt: number;
  readonly settle: readonly PendingSettlement[];
  readonly extend: readonly Renewal[];
  readonly limit: number;
  over: boolean;
}

/**
 * Keeps one exchange with the store under way while there is something to settle, to extend or to claim. What comes up
 * meanwhile rides on the next one: batches form by themselves, without timers, and an idle worker waits for nothing.
 */
export class Exchanger {
  readonly #store: Pick<QueueStore, 'exchange'>;
  readonly #worker: string;
  readonly #settings: WorkerSettings;
  readonly #turn: Turn;
  readonly #host: ExchangeHost;
  #pending: PendingSettlement[] = [];
  #state: 'resting' | 'booked' | 'flying' | 'waiting' | 'closed' = 'resting';
  #flight: Flight | undefined;
  /** Whether a claim may find something. */
  #hungry = true;
  #extendDue = false;
  #retry: ClockTimer | undefined;
  /** Exchanges since the start. */
  count = 0;
  /** Exchanges that failed in a row. */
  failing = 0;
  failingSince = 0;

  constructor(
    store: Pick<QueueStore, 'exchange'>,
    worker: string,
    settings: WorkerSettings,
    turn: Turn,
    host: ExchangeHost,
  ) {
    this.#store = store;
    this.#worker = worker;
    this.#settings = settings;
    this.#turn = turn;
    this.#host = host;
  }

  /** Outcomes that the store does not know yet. */
  get unsettled(): number {
    return this.#pending.length;
  }

  get isResting(): boolean {
    return this.#state === 'resting' && this.#pending.length === 0;
  }

  /** Sends an outcome with the next exchange. */
  settle(pending: PendingSettlement): void {
    this.#pending.push(pending);
  }

  /** There may be something to claim. */
  look(): void {
    this.#hungry = true;
    this.kick();
  }

  /** Extends the leases that are due with the next exchange. */
  extend(): void {
    this.#extendDue = true;
    this.kick();
  }

  /** Starts an exchange if one is needed and none is under way. */
  kick(): void {
    if (this.#state !== 'resting' || !this.#needed()) return;
    this.#state = 'booked';
    // A microtask or a turn later, so that handlers that end together share the exchange.
    if (this.#host.occupied()) this.#turn.next(() => void this.#run());
    else queueMicrotask(() => void this.#run());
  }

  /** Gives up an exchange that the store has left without an answer for too long, and sends again what it carried. */
  watch(now: number): void {
    const flight = this.#flight;
    const stallMs = Math.max(MIN_STALL_MS, this.#settings.leaseMs / 2);
    if (flight === undefined || now - flight.sentAt < stallMs) return;
    this.#fail(flight, new Error(`no answer within ${now - flight.sentAt} ms`));
  }

  /** Sends nothing more. */
  close(): void {
    this.#state = 'closed';
    this.#retry?.clear();
  }

  #needed(): boolean {
    if (this.#state === 'closed') return false;
    if (this.#pending.length > 0 || this.#extendDue) return true;
    return this.#hungry && this.#host.room() > 0;
  }

  async #run(): Promise<void> {
    while (this.#needed()) {
      this.#state = 'flying';
      if (!(await this.#fly(this.#load()))) return;
      // Without this, handlers that end at once would share an exchange by twos and threes.
      if (this.#host.occupied() || this.#turn.isOver(this.#settings.clock.now())) {
        this.#state = 'booked';
        this.#turn.next(() => void this.#run());
        return;
      }
    }
    if (this.#state === 'closed') return;
    this.#state = 'resting';
    this.#host.rested();
  }

  /** What the next exchange carries. */
  #load(): Flight {
    const settle = this.#pending.splice(0, MAX_SETTLEMENTS);
    const due = this.#extendDue ? this.#host.due() : [];
    const extend = due.map((attempt) => ({ attempt, progress: attempt.progress }));
    this.#extendDue = false;
    // Even when nothing is expected: it costs next to nothing here, and a settlement may make another task ready.
    const limit = Math.min(MAX_CLAIM, this.#host.room());
    if (limit > 0) this.#hungry = false;
    this.#flight = { sentAt: this.#settings.clock.now(), settle, extend, limit, over: false };
    return this.#flight;
  }

  /** Whether the store answered in time. */
  async #fly(flight: Flight): Promise<boolean> {
    this.count++;
    let reply: ExchangeReply;
    try {
      reply = await this.#store.exchange(this.#request(flight));
    } catch (err) {
      this.#fail(flight, err);
      return false;
    }
    if (flight.over) {
      if (this.#state !== 'closed') this.#host.late(reply.claimed);
      return false;
    }
    flight.over = true;
    this.#flight = undefined;
    this.failing = 0;
    this.#take(reply, flight);
    return true;
  }

  #request({ settle, extend, limit }: Flight): ExchangeRequest {
    return {
      worker: this.#worker,
      settle: settle.map((pending) => pending.settlement),
      extend: extend.map(({ attempt: { task }, progress }) => ({
        id: task.id,
        epoch: task.epoch,
        ...(progress === undefined ? {} : { progress }),
      })),
      claim: { queues: limit > 0 ? this.#host.queues() : [], limit },
      leaseMs: this.#settings.leaseMs,
    };
  }

  #take(reply: ExchangeReply, { settle, extend, limit, sentAt }: Flight): void {
    const cancelled = reply.cancelled === undefined ? undefined : new Set(reply.cancelled);
    for (const [at, pending] of settle.entries()) {
      const verdict = cancelled?.has(at) === true ? 'cancelled' : reply.settled[at];
      this.#host.settled(pending, verdict ?? 'stale');
    }
    for (const [at, { attempt, progress }] of extend.entries()) {
      if (attempt.progress === progress) attempt.progress = undefined;
      this.#host.extended(attempt, reply.extended[at] ?? 'lost', sentAt);
    }
    if (limit === 0) return;
    if (reply.claimed.length >= limit) this.#hungry = true;
    this.#host.claimed(reply, limit, sentAt);
  }

  #fail(flight: Flight, err: unknown): void {
    if (flight.over || this.#state === 'closed') return;
    flight.over = true;
    this.#flight = undefined;
    // The store may have done it all the same: then it will call these settlements stale, and that is no news.
    for (const pending of flight.settle) pending.unsure = true;
    this.#pending = [...flight.settle, ...this.#pending];
    this.#extendDue ||= flight.extend.length > 0;
    if (flight.limit > 0) this.#hungry = true;
    if (this.failing++ === 0) this.failingSince = flight.sentAt;
    this.#settings.logger.warn(
      { module: 'queue', worker: this.#worker, failing: this.failing, err },
      'the store did not answer',
    );
    this.#state = 'waiting';
    this.#retry = this.#settings.clock.setTimeout(() => {
      this.#state = 'resting';
      this.kick();
      this.#host.rested();
    }, this.#retryDelay());
  }

  #retryDelay(): number {
    const grown = RETRY_FIRST_MS * 2 ** Math.min(10, this.failing - 1);
    return Math.min(RETRY_MAX_MS, grown) * (0.5 + Math.random() / 2);
  }
}
