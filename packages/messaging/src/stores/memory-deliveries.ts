import type {
  ClaimDeliveriesOptions,
  ClaimedDelivery,
  DeliveryFilter,
  DeliverySettlement,
  MessagingCounts,
  NewDelivery,
  PageRequest,
  ProcessedMessage,
  ReleasedDelivery,
  ReplayOutcome,
} from '../store.js';
import type { AttemptTrigger, Delivery, DeliveryAttempt, Page } from '../types.js';
import { pageOf } from './page.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Row {
  delivery: Mutable<Delivery>;
  readonly content: NewDelivery;
  /** When it is due, or its lease ends. */
  dueAt: number;
  epoch: number;
  tryNumber: number;
  replayed: boolean;
  claimedAt: number;
  attempts: DeliveryAttempt[];
}

interface Turn {
  readonly row: Row;
  readonly url: string;
  readonly host: string;
  /** Deliveries of the host that are held or go before it. */
  readonly turn: number;
}

/** The first try after a replay is the replay's; what the schedule adds is the schedule's. */
const triggerOf = (row: Row): AttemptTrigger =>
  row.replayed && row.tryNumber === 1 ? 'replay' : 'schedule';

/** The deliveries of the memory store. */
export class MemoryDeliveries {
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  /** What may become due: finished rows are not looked at by each claim. */
  readonly #active = new Map<string, Row>();

  constructor(now: () => number) {
    this.#now = now;
  }

  add(processed: ProcessedMessage, content: NewDelivery): void {
    const now = this.#now();
    const status = content.url === null ? 'no_destination' : 'pending';
    const row: Row = {
      delivery: {
        id: content.id,
        messageId: processed.messageId,
        sessionId: processed.sessionId,
        clientId: processed.clientId,
        url: content.url,
        status,
        attempts: 0,
        nextAttemptAt: content.url === null ? null : new Date(now),
        lastHttpStatus: null,
        lastError: null,
        requestId: processed.requestId,
        createdAt: new Date(now),
        deliveredAt: null,
      },
      content,
      dueAt: now,
      epoch: 0,
      tryNumber: 0,
      replayed: false,
      claimedAt: 0,
      attempts: [],
    };
    this.#rows.set(content.id, row);
    if (content.url !== null) this.#active.set(content.id, row);
  }

  claim(options: ClaimDeliveriesOptions): ClaimedDelivery[] {
    const now = this.#now();
    return this.#turns(now, options)
      .slice(0, options.limit)
      .map(({ row, url, host }) => this.#take(row, url, host, now, options.leaseMs));
  }

  /** What is due, the longest first of each host, and first of all what has the fewest of its host before it. */
  #turns(now: number, { perHost, held }: ClaimDeliveriesOptions): Turn[] {
    const due = [...this.#active.values()]
      .filter((row) => row.dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt);
    const taken = new Map<string, number>();
    const turns: Turn[] = [];
    for (const row of due) {
      const { url, host } = row.content;
      if (url === null || host === null) continue;
      const turn = taken.get(host) ?? held[host] ?? 0;
      taken.set(host, turn + 1);
      if (turn < perHost) turns.push({ row, url, host, turn });
    }
    return turns.sort((a, b) => a.turn - b.turn);
  }

  #take(row: Row, url: string, host: string, now: number, leaseMs: number): ClaimedDelivery {
    const { delivery } = row;
    if (delivery.status === 'sending') {
      row.attempts.push({
        n: delivery.attempts,
        startedAt: new Date(row.claimedAt),
        durationMs: null,
        httpStatus: null,
        errorCode: 'UNKNOWN',
        trigger: triggerOf(row),
      });
    }
    row.epoch += 1;
    row.tryNumber += 1;
    row.claimedAt = now;
    row.dueAt = now + leaseMs;
    delivery.status = 'sending';
    delivery.nextAttemptAt = null;
    delivery.attempts += 1;
    const { body, carrier } = row.content;
    const { epoch, tryNumber } = row;
    const trigger = triggerOf(row);
    return {
      delivery: { ...delivery },
      url,
      host,
      body,
      carrier,
      epoch,
      attempt: delivery.attempts,
      tryNumber,
      trigger,
    };
  }

  settle(item: DeliverySettlement): boolean {
    const row = this.#active.get(item.deliveryId);
    if (row?.delivery.status !== 'sending' || row.epoch !== item.epoch) return false;
    const now = this.#now();
    const { delivery } = row;
    row.attempts.push({
      n: delivery.attempts,
      startedAt: new Date(row.claimedAt),
      durationMs: item.durationMs,
      httpStatus: item.httpStatus,
      errorCode: item.errorCode,
      trigger: triggerOf(row),
    });
    row.dueAt = now + item.delayMs;
    delivery.status = item.outcome;
    delivery.lastHttpStatus = item.httpStatus;
    delivery.lastError = item.error;
    delivery.nextAttemptAt = item.outcome === 'retrying' ? new Date(row.dueAt) : null;
    if (item.outcome === 'delivered') delivery.deliveredAt = new Date(now);
    if (item.outcome !== 'retrying') this.#active.delete(item.deliveryId);
    return true;
  }

  release(items: readonly ReleasedDelivery[]): void {
    for (const { deliveryId, epoch } of items) {
      const row = this.#active.get(deliveryId);
      if (row?.delivery.status !== 'sending' || row.epoch !== epoch) continue;
      row.dueAt = this.#now();
      row.tryNumber -= 1;
      row.delivery.attempts -= 1;
      row.delivery.nextAttemptAt = new Date(row.dueAt);
      row.delivery.status = row.delivery.attempts === 0 ? 'pending' : 'retrying';
    }
  }

  replay(id: string): ReplayOutcome {
    const row = this.#rows.get(id);
    if (row === undefined) return 'not_found';
    const { delivery } = row;
    if (delivery.status === 'sending' || delivery.status === 'no_destination')
      return delivery.status;
    row.dueAt = this.#now();
    row.tryNumber = 0;
    row.replayed = true;
    delivery.status = 'pending';
    delivery.nextAttemptAt = new Date(row.dueAt);
    this.#active.set(id, row);
    return 'replayed';
  }

  get(id: string): Delivery | null {
    const row = this.#rows.get(id);
    return row === undefined ? null : { ...row.delivery };
  }

  list(filter: DeliveryFilter, page: PageRequest): Page<Delivery> {
    const { status, messageId } = filter;
    const fitting = [...this.#rows.values()]
      .map(({ delivery }) => ({ ...delivery }))
      .filter(
        (d) =>
          (status === undefined || d.status === status) &&
          (messageId === undefined || d.messageId === messageId),
      );
    return pageOf(fitting, page);
  }

  listAttempts(id: string, page: PageRequest): Page<DeliveryAttempt> {
    const after = page.after === null ? 0 : Number(page.after);
    const rest = (this.#rows.get(id)?.attempts ?? []).filter((attempt) => attempt.n > after);
    const items = rest.slice(0, page.limit);
    return {
      items,
      nextCursor: rest.length > items.length ? String(items.at(-1)?.n ?? after) : null,
    };
  }

  counts(): MessagingCounts['deliveries'] {
    const counts = { pending: 0, sending: 0, retrying: 0, dead: 0 };
    for (const { delivery } of this.#rows.values()) {
      if (delivery.status in counts) counts[delivery.status as keyof typeof counts] += 1;
    }
    return counts;
  }
}
