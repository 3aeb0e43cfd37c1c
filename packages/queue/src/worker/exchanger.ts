import type { ClockTimer } from '../clock.js';
import type { ClaimedTask, ExchangeReply, ExchangeRequest, QueueStore } from '../store.js';
import type { Attempt } from './attempt.js';
import { type Flight, Flights, type Renewal } from './flights.js';
import type { WorkerSettings } from './options.js';
import { HELPING } from './prefetch.js';
import type { PendingSettlement } from './report.js';
import type { Turn } from './turn.js';

/** Most exchanges under way at once: one that the store works on while the worker reads and writes the other. */
const MAX_FLIGHTS = 2;
/**
 * Most under way while some are overdue: in all, and those that do more than extend leases. A store that is merely slow
 * must not get ever more of them.
 */
const MAX_BESIDE = 5;
const MAX_WORK_BESIDE = 3;
const MAX_SETTLEMENTS = 1_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;
/** What an {@link Exchanger} asks and tells. */
export interface ExchangeHost {
  /** How many tasks may be claimed now, beside those that were asked for and may still come. */
  room(asked: number): number;
  /** For how many tasks the worker may wait at its queues, see {@link Parking}; 0 where it shall not. */
  spots(): number;
  /** Whether the worker may not be left waiting at its queues. */
  isLeaving(): boolean;
  /** Whether handlers have something to go on with, so that an exchange may wait for what ends in this turn. */
  occupied(): boolean;
  /** Attempts whose leases must be extended. */
  due(): Attempt[];
  /** The queues to claim from, in order. */
  queues(): readonly string[];
  settled(
    pending: PendingSettlement,
    verdict: 'ok' | 'stale' | 'cancelled',
    reply: ExchangeReply,
  ): void;
  extended(attempt: Attempt, verdict: ExchangeReply['extended'][number], sentAt: number): void;
  /** Claims came, maybe none. They are not started before {@link start}. */
  claimed(reply: ExchangeReply, flight: Flight): void;
  /** What came may be started. */
  start(): void;
  /** Claims came from an exchange that had been given up: too late to be worked on. */
  late(claimed: readonly ClaimedTask[]): void;
  /** Nothing is under way. */
  rested(): void;
}

/**
 * Keeps exchanges with the store under way while there is something to settle, to extend or to claim. What comes up
 * meanwhile rides on the next one: batches form by themselves, without timers, and an idle worker waits for nothing.
 * While the store has plenty and handlers are quick, the next exchange leaves before what the last one brought is
 * started, and two are under way: the store and the worker are busy at the same time. Two may overtake one another: a
 * lease is settled by one of them only, and an extension that comes too late is that of an attempt which has ended.
 */
export class Exchanger {
  readonly #store: Pick<QueueStore, 'exchange'>;
  readonly #worker: string;
  readonly #settings: WorkerSettings;
  readonly #turn: Turn;
  readonly #host: ExchangeHost;
  #pending: PendingSettlement[] = [];
  /** What attempts reported just before they ended. */
  readonly #reports: Renewal[] = [];
  /** `booked`: the next exchange leaves within this turn. `waiting`: the store failed, and is left alone for a while. */
  #state: 'resting' | 'booked' | 'waiting' | 'closed' = 'resting';
  readonly #flights = new Flights();
  /** Whether something may have come since the last claim left. */
  #looking = true;
  /** Whether the last claim got all it asked for. */
  #plenty = false;
  /** Whether the worker may be waiting at its queues. */
  #parked = false;
  /** Whether the outcomes to send include some that were sent before. */
  #resending = false;
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
    return this.#pending.length + this.#reports.length;
  }

  get isResting(): boolean {
    return this.#state === 'resting' && this.#flights.size === 0 && this.unsettled === 0;
  }

  /** Sends an outcome with the next exchange. */
  settle(pending: PendingSettlement): void {
    this.#pending.push(pending);
  }

  /** Sends an outcome with the exchange after the next one, which takes what the attempt reported last. */
  reportAndSettle(attempt: Attempt, outcome: PendingSettlement): void {
    this.#reports.push({ attempt, progress: attempt.progress, outcome });
  }

  /** There may be something to claim. */
  look(): void {
    this.#looking = true;
    this.kick();
  }

  /** Extends the leases that are due with the next exchange. */
  extend(): void {
    this.#extendDue = true;
    this.kick();
  }

  /** Starts an exchange if one is needed, and not enough are under way. */
  kick(): void {
    if (this.#state !== 'resting' || !this.#needed()) return;
    this.#state = 'booked';
    // A microtask or a turn later, so that handlers that end together share the exchange.
    if (this.#host.occupied() || this.#turn.isOver(this.#settings.clock.now()))
      this.#turn.next(this.#send);
    else queueMicrotask(this.#send);
  }

  /** Waits no longer for exchanges that are overdue, gives up those that hang, and sends again what they carried. */
  watch(now: number): void {
    for (const flight of this.#flights.hanging(now, this.#settings.leaseMs))
      this.#fail(flight, new Error(`no answer within ${now - flight.sentAt} ms`));
    this.kick();
  }

  /** Sends nothing more. */
  close(): void {
    this.#state = 'closed';
    this.#retry?.clear();
  }

  #needed(): boolean {
    if (this.#flights.areOverdue) return this.#isNeededBeside();
    const under = this.#flights.awaited;
    if (under >= MAX_FLIGHTS) return false;
    // A second exchange must be worth its round trip.
    if (under > 0) return this.#pending.length >= HELPING || this.#isWorthwhile();
    if (this.unsettled > 0 || this.#extendDue) return true;
    if (this.#parked && this.#host.isLeaving()) return true;
    return (this.#looking || this.#plenty) && this.#host.room(this.#flights.asked) > 0;
  }

  /** Whether one is needed that does not wait for those that are overdue. */
  #isNeededBeside(): boolean {
    const { size, awaited } = this.#flights;
    if (this.#extendDue && size < MAX_BESIDE) return true;
    if (awaited > 0 || size >= MAX_WORK_BESIDE) return false;
    return this.unsettled > 0 || (this.#looking && this.#host.room(this.#flights.asked) > 0);
  }

  /** Whether a claim would bring so much that it need not wait for what is under way or in hand. */
  #isWorthwhile(): boolean {
    return this.#plenty && this.#host.room(this.#flights.asked) >= HELPING;
  }

  readonly #send = (): void => {
    if (this.#state !== 'booked') return;
    this.#state = 'resting';
    if (this.#needed()) void this.#fly(this.#load());
    else if (this.isResting) this.#host.rested();
  };

  #isUp(): boolean {
    return this.#state === 'resting' || this.#state === 'booked';
  }

  /** What the next exchange carries. */
  #load(): Flight {
    if (this.#flights.areOverdue && this.#extendDue) return this.#extensions();
    const settle = this.#outcomes();
    const extend = this.#reports.splice(0, MAX_SETTLEMENTS);
    const due = this.#extendDue ? this.#host.due() : [];
    for (const attempt of due) extend.push({ attempt, progress: attempt.progress });
    this.#extendDue = false;
    // Even when nothing is expected: it costs next to nothing here, and a settlement may make another task ready.
    const spots = this.#plenty || this.#flights.size > 0 ? 0 : this.#host.spots();
    const park = spots > 0;
    const limit = park ? spots : this.#host.room(this.#flights.asked);
    if (limit > 0) this.#looking = false;
    this.#parked ||= park;
    return { sentAt: this.#settings.clock.now(), settle, extend, limit, park };
  }

  /** Leases that are due, alone: to settle or to claim, the store may have to wait for what keeps the others. */
  #extensions(): Flight {
    this.#extendDue = false;
    const extend = this.#host.due().map((attempt) => ({ attempt, progress: attempt.progress }));
    return { sentAt: this.#settings.clock.now(), settle: [], extend, limit: 0, park: false };
  }

  /** Those to send. What is sent again may be of a task that has a newer outcome by now: they never travel together. */
  #outcomes(): PendingSettlement[] {
    if (!this.#resending) return this.#pending.splice(0, MAX_SETTLEMENTS);
    const sent = new Map<string, PendingSettlement>();
    const left: PendingSettlement[] = [];
    for (const pending of this.#pending) {
      const { id } = pending.settlement;
      if (sent.size < MAX_SETTLEMENTS && !sent.has(id)) sent.set(id, pending);
      else left.push(pending);
    }
    this.#pending = left;
    this.#resending = left.length > 0;
    return [...sent.values()];
  }

  async #fly(flight: Flight): Promise<void> {
    this.count++;
    this.#flights.add(flight);
    let reply: ExchangeReply;
    try {
      reply = await this.#store.exchange(this.#request(flight));
    } catch (err) {
      this.#fail(flight, err);
      return;
    }
    if (this.#flights.end(flight)) this.#take(reply, flight);
    else if (this.#state !== 'closed') this.#host.late(reply.claimed);
  }

  #request({ settle, extend, limit, park }: Flight): ExchangeRequest {
    return {
      worker: this.#worker,
      settle: settle.map((pending) => pending.settlement),
      extend: extend.map(({ attempt: { task }, progress }) => ({
        id: task.id,
        epoch: task.epoch,
        ...(progress === undefined ? {} : { progress }),
      })),
      claim: {
        queues: limit > 0 ? this.#host.queues() : [],
        limit,
        ...(park ? { park } : {}),
      },
      leaseMs: this.#settings.leaseMs,
    };
  }

  #take(reply: ExchangeReply, flight: Flight): void {
    const { limit, park } = flight;
    this.failing = 0;
    this.#parked = park;
    // One sent later may have come first, and what was handed over since be lost: the next exchange is given it.
    if (park && !this.#flights.isNewest(flight)) this.#looking = true;
    if (limit > 0) this.#plenty = reply.claimed.length >= limit;
    // What could not be handed over comes even where nothing was asked for.
    if (limit > 0 || reply.claimed.length > 0) this.#host.claimed(reply, flight);
    const isAhead = this.#isWorthwhile() && this.#flights.awaited < MAX_FLIGHTS && this.#isUp();
    if (isAhead) {
      this.#state = 'resting';
      void this.#fly(this.#load());
    }
    this.#report(reply, flight);
    // A turn later the exchange has been written: then the store works on it while the handlers run.
    if (isAhead) this.#turn.next(() => this.#host.start());
    else this.#host.start();
    if (this.isResting) this.#host.rested();
  }

  #report(reply: ExchangeReply, { settle, extend, sentAt }: Flight): void {
    const cancelled = reply.cancelled === undefined ? undefined : new Set(reply.cancelled);
    for (let at = 0; at < settle.length; at++) {
      const verdict = cancelled?.has(at) === true ? 'cancelled' : reply.settled[at];
      this.#host.settled(settle[at] as PendingSettlement, verdict ?? 'stale', reply);
    }
    for (const [at, { attempt, progress, outcome }] of extend.entries()) {
      if (outcome !== undefined) this.#pending.push(outcome);
      if (attempt.progress === progress) attempt.progress = undefined;
      this.#host.extended(attempt, reply.extended[at] ?? 'lost', sentAt);
    }
  }

  #fail(flight: Flight, err: unknown): void {
    if (!this.#flights.end(flight) || this.#state === 'closed') return;
    // The store may have done it all the same: then it will call these settlements stale, and that is no news.
    for (const pending of flight.settle) pending.unsure = true;
    this.#pending = [...flight.settle, ...this.#pending];
    this.#resending = true;
    for (const renewal of flight.extend) {
      if (renewal.outcome === undefined) this.#extendDue = true;
      else this.#reports.push(renewal);
    }
    if (flight.limit > 0) this.#looking = true;
    if (this.failing++ === 0) this.failingSince = flight.sentAt;
    this.#settings.logger.warn(
      { module: 'queue', worker: this.#worker, failing: this.failing, err },
      'the store did not answer',
    );
    if (this.#state === 'waiting') return;
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
