import { setMaxListeners } from 'node:events';
import type { MessagingEmitter } from '../events.js';
import type { ResolvedOptions } from '../options.js';
import type { ClaimedDelivery, DeliverySettlement } from '../store.js';
import { currentCarrier, inSpan, type MessagingStats } from '../telemetry.js';
import { nextDelayMs, retryAfterMs } from '../webhooks/retry-schedule.js';
import { WebhookSender } from '../webhooks/sender.js';
import { type AttemptResult, judgeAttempt } from '../webhooks/verdict.js';
import { WakeLoop } from './wake-loop.js';

/** How much longer a lease is than the longest attempt: time to write the result. */
const LEASE_MARGIN_MS = 15_000;
const MAX_BATCH = 128;
const SHUTDOWN = 'SHUTDOWN';

/** What the worker needs. */
export interface DeliveryWorkerDeps {
  readonly options: ResolvedOptions;
  readonly emitter: MessagingEmitter;
  readonly stats: MessagingStats;
}

/** Takes due deliveries, sends them, writes the results. */
export class DeliveryWorker {
  readonly #deps: DeliveryWorkerDeps;
  readonly #sender: WebhookSender;
  readonly #loop: WakeLoop;
  readonly #inHand = new Set<Promise<void>>();
  readonly #held: Record<string, number> = Object.create(null);
  readonly #abort = new AbortController();
  #lastError: string | null = null;

  constructor(deps: DeliveryWorkerDeps) {
    this.#deps = deps;
    const { webhooks, clock, pollIntervalMs, logger } = deps.options;
    setMaxListeners(0, this.#abort.signal); // every attempt in flight listens
    this.#sender = new WebhookSender({ ...webhooks, clock });
    this.#loop = new WakeLoop({
      clock,
      intervalMs: pollIntervalMs,
      step: () => this.#step(),
      onError: (error) => {
        this.#lastError = error instanceof Error ? error.message : String(error);
        logger.error({ err: error }, 'taking deliveries failed');
      },
    });
  }

  /** Why deliveries could not be taken last; `null` when they could. */
  get lastError(): string | null {
    return this.#lastError;
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Takes no more deliveries. Resolves when the attempts in hand are settled. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all(this.#inHand);
    await this.#sender.close();
  }

  /** Ends the attempts in hand; they are tried again by whoever runs next. */
  abort(): void {
    this.#abort.abort(SHUTDOWN);
  }

  async #step(): Promise<boolean> {
    const { options, stats } = this.#deps;
    const { webhooks } = options;
    const free = webhooks.concurrency - this.#inHand.size;
    if (free <= 0) return false; // whoever ends wakes the loop
    const limit = Math.min(free, MAX_BATCH);
    const claimed = await options.store.claimDeliveries({
      limit,
      leaseMs: webhooks.timeoutMs + LEASE_MARGIN_MS,
      perHost: webhooks.perHost,
      held: { ...this.#held },
    });
    this.#lastError = null;
    for (const item of claimed) this.#take(item);
    stats.inFlightDeliveries = this.#inHand.size;
    return claimed.length === limit;
  }

  #take(item: ClaimedDelivery): void {
    this.#held[item.host] = (this.#held[item.host] ?? 0) + 1;
    const work = this.#deliver(item).finally(() => {
      const left = (this.#held[item.host] ?? 1) - 1;
      if (left > 0) this.#held[item.host] = left;
      else delete this.#held[item.host];
      this.#inHand.delete(work);
      this.#deps.stats.inFlightDeliveries = this.#inHand.size;
      this.#loop.wake();
    });
    this.#inHand.add(work);
  }

  async #deliver(item: ClaimedDelivery): Promise<void> {
    const { logger } = this.#deps.options;
    const attributes = {
      'http.request.method': 'POST',
      'server.address': item.host,
      'messaging.message.id': item.delivery.id,
      'holdfast.messaging.attempt': item.attempt,
    };
    try {
      await inSpan(
        'deliver webhook',
        { kind: 'client', carrier: item.carrier, attributes },
        async (span) => {
          const began = performance.now();
          const traced = currentCarrier();
          const result = await this.#sender.send({
            id: item.delivery.id,
            url: item.url,
            body: item.body,
            attempt: item.attempt,
            requestId: item.delivery.requestId,
            carrier: Object.keys(traced).length > 0 ? traced : item.carrier,
            signal: this.#abort.signal,
          });
          const settlement = this.#settlement(item, result, Math.round(performance.now() - began));
          if (result.httpStatus !== null)
            span.setAttribute('http.response.status_code', result.httpStatus);
          if (result.errorCode !== null) span.setAttribute('error.type', result.errorCode);
          if (settlement.outcome === 'dead')
            span.setAttribute('holdfast.consequence', 'delivery.dead');
          await this.#settle(item, settlement);
        },
      );
    } catch (error) {
      // The lease will end and the delivery be sent again under the same id: at least once, never not at all.
      logger.error({ err: error, delivery_id: item.delivery.id }, 'settling a delivery failed');
    }
  }

  #settlement(
    item: ClaimedDelivery,
    result: AttemptResult,
    durationMs: number,
  ): DeliverySettlement {
    const { clock, random, webhooks } = this.#deps.options;
    const verdict = judgeAttempt(result);
    const { httpStatus, errorCode, error } = result;
    const base = {
      deliveryId: item.delivery.id,
      epoch: item.epoch,
      durationMs,
      httpStatus,
      errorCode,
      error,
    };
    if (verdict.success) return { ...base, outcome: 'delivered', delayMs: 0 };
    if (errorCode === SHUTDOWN) return { ...base, outcome: 'retrying', delayMs: webhooks.floorMs };
    const spent = verdict.maxTries !== null && item.tryNumber >= verdict.maxTries;
    const asked = retryAfterMs(result.retryAfter, clock.now());
    const delayMs =
      verdict.retryable && !spent
        ? nextDelayMs(item.tryNumber, asked, { ...webhooks, random })
        : null;
    if (delayMs === null) return { ...base, outcome: 'dead', delayMs: 0 };
    return { ...base, outcome: 'retrying', delayMs };
  }

  async #settle(item: ClaimedDelivery, settlement: DeliverySettlement): Promise<void> {
    const { options, emitter, stats } = this.#deps;
    stats.attempts += 1;
    stats.attemptSeconds += settlement.durationMs / 1_000;
    const [written] = await options.store.settleDeliveries([settlement]);
    const { outcome, httpStatus, errorCode, durationMs, delayMs } = settlement;
    const { delivery, attempt } = item;
    const fields = {
      delivery_id: delivery.id,
      message_id: delivery.messageId,
      request_id: delivery.requestId,
      attempt,
      http_status: httpStatus,
      error_code: errorCode,
      duration_ms: durationMs,
      outcome,
    };
    if (written !== true) {
      options.logger.warn(fields, 'somebody else has taken the delivery; this result is dropped');
      return;
    }
    stats[outcome === 'retrying' ? 'retried' : outcome] += 1;
    if (outcome === 'dead') options.logger.error(fields, 'delivery dead');
    else if (outcome === 'retrying') options.logger.warn(fields, 'delivery to be tried again');
    else options.logger.debug(fields, 'delivered');
    emitter.emit(`delivery.${outcome}`, delivery.id, options.clock.now(), {
      deliveryId: delivery.id,
      messageId: delivery.messageId,
      requestId: delivery.requestId,
      attempt,
      httpStatus,
      errorCode,
      durationMs,
      delayMs: outcome === 'retrying' ? delayMs : null,
    });
  }
}
