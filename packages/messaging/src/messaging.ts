import { type AcceptOptions, checkAcceptInput } from './accept-input.js';
import { BacklogEstimate } from './backlog.js';
import { type Duration, durationMs } from './duration.js';
import { invalidOption, MessagingError } from './errors.js';
import { MessagingEmitter, type MessagingEvent, type MessagingEventType } from './events.js';
import { type MessagingOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { createPipeline } from './stages/pipeline.js';
import type { MessagingStore, WakeTopic } from './store.js';
import {
  currentCarrier,
  currentRequestId,
  emptyStats,
  inSpan,
  type MessagingStats,
  observeStats,
} from './telemetry.js';
import { checkTemplate } from './templates/template.js';
import { TemplateCache } from './templates/template-cache.js';
import type { AcceptedMessage, AcceptInput } from './types.js';
import { uuidv7 } from './uuid.js';
import { DeliveryWorker } from './workers/delivery-worker.js';
import { MessageWorker } from './workers/message-worker.js';

/** What `accept` answers. */
export interface AcceptResult {
  readonly message: AcceptedMessage;
  /** Whether the message was there already, by its idempotency key. */
  readonly replayed: boolean;
}

/** Health of the pipeline. */
export interface MessagingHealth {
  status: 'healthy' | 'degraded' | 'unhealthy';
  details: Record<string, unknown>;
}

/** What `close` did. */
export interface CloseReport {
  /** Whether everything in hand was finished before the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
}

const DEFAULT_DEADLINE_MS = 20_000;
/** After the deadline: time for aborted attempts to write that they were. */
const ABORT_GRACE_MS = 2_000;

/** The pipeline: takes messages, answers them, delivers the answers. Made by {@link createMessaging}. */
export class Messaging implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #stats: MessagingStats = emptyStats();
  readonly #emitter: MessagingEmitter;
  readonly #templates: TemplateCache;
  readonly #messages: MessageWorker;
  readonly #deliveries: DeliveryWorker;
  readonly #backlog: BacklogEstimate;
  readonly #unobserve: () => void;
  readonly #accepting = new Set<Promise<unknown>>();
  /** Hints on their way; true: one more must follow. */
  readonly #hints = new Map<WakeTopic, boolean>();
  #subscription: Promise<{ close(): Promise<void> }> | null = null;
  #started = false;
  #closing: Promise<CloseReport> | null = null;

  constructor(options: MessagingOptions) {
    const resolved = resolveOptions(options);
    const { store, clock, logger } = resolved;
    for (const template of resolved.templates) checkTemplate(template);
    this.#options = resolved;
    this.#emitter = new MessagingEmitter(logger);
    this.#templates = new TemplateCache({ store, clock, logger });
    this.#backlog = new BacklogEstimate({
      store,
      clock,
      max: resolved.maxBacklog,
      stats: this.#stats,
    });
    this.#deliveries = new DeliveryWorker({
      options: resolved,
      emitter: this.#emitter,
      stats: this.#stats,
    });
    const pipeline = createPipeline({
      ...resolved,
      timeoutMs: resolved.classifierTimeoutMs,
      templates: () => this.#templates.get(),
      tasks: resolved.tasks !== undefined,
      carrier: currentCarrier,
    });
    this.#messages = new MessageWorker({
      options: resolved,
      pipeline,
      emitter: this.#emitter,
      stats: this.#stats,
      onCommitted: () => this.#deliveries.wake(),
    });
    this.#unobserve = observeStats(this.#stats, () => this.#backlog.refresh());
  }

  /** Where state is kept. */
  get store(): MessagingStore {
    return this.#options.store;
  }

  /** Makes tables and writes the templates that are missing. Safe to call by several processes at once. */
  async init(): Promise<void> {
    await this.store.init();
    await this.store.putTemplates(this.#options.templates, { onlyMissing: true });
    this.#templates.invalidate();
  }

  /**
   * Takes a message. When it resolves, message, session and idempotency key are committed: nothing loses the message
   * any more. It is processed afterwards, by whichever process works.
   *
   * @throws MessagingError `MESSAGING_INPUT_INVALID` (details.errors names the fields),
   * `MESSAGING_IDEMPOTENCY_KEY_INVALID` (the key was used with another input; nothing is stored),
   * `MESSAGING_OVERLOADED_UNAVAILABLE`, `MESSAGING_CLOSED`
   */
  async accept(input: AcceptInput, options: AcceptOptions = {}): Promise<AcceptResult> {
    if (this.#closing !== null) throw closed();
    const work = this.#accept(input, options);
    this.#accepting.add(work);
    try {
      return await work;
    } finally {
      this.#accepting.delete(work);
    }
  }

  /** Begins to process and deliver, unless the role is `accept`. Idempotent. */
  start(): void {
    if (this.#closing !== null) throw closed();
    if (this.#started || this.#options.role === 'accept') return;
    this.#started = true;
    this.#subscription = this.store.onWake((topic) => this.#onWake(topic));
    this.#subscription.catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, 'hints cannot be heard; work is found by polling');
    });
    this.#messages.start();
    this.#deliveries.start();
  }

  /** Calls `handler` for each event of the type in this process. Returns what stops it. */
  on<Type extends MessagingEventType>(
    type: Type,
    handler: (event: MessagingEvent<Type>) => void,
  ): () => void {
    return this.#emitter.on(type, handler);
  }

  /** Counters of this object. */
  stats(): Readonly<MessagingStats> {
    return { ...this.#stats };
  }

  /** Whether the store answers and work can be taken. */
  async health(): Promise<MessagingHealth> {
    const { role } = this.#options;
    const details: Record<string, unknown> = {
      role,
      store: this.store.name,
      started: this.#started,
      in_flight_messages: this.#stats.inFlightMessages,
      in_flight_deliveries: this.#stats.inFlightDeliveries,
    };
    if (this.#closing !== null)
      return { status: 'unhealthy', details: { ...details, closed: true } };
    try {
      details.backlog = await this.store.backlog(this.#options.maxBacklog);
    } catch (error) {
      details.error = error instanceof Error ? error.message : String(error);
      return { status: 'unhealthy', details };
    }
    const error = this.#messages.lastError ?? this.#deliveries.lastError;
    if (error === null) return { status: 'healthy', details };
    return { status: 'degraded', details: { ...details, error } };
  }

  /**
   * Ends it: no further `accept`, no further work taken; what is in hand is finished. At the deadline attempts in
   * flight are ended and written down to be tried again. The store is the caller's and stays open. Idempotent.
   */
  close(options: { deadline?: Duration } = {}): Promise<CloseReport> {
    const deadlineMs = durationMs(options.deadline ?? DEFAULT_DEADLINE_MS);
    if (Number.isNaN(deadlineMs)) {
      throw invalidOption(
        'deadline',
        "a number of milliseconds or text such as '30s'",
        options.deadline,
      );
    }
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Templates were changed past this object: reads them anew, here and in other processes. */
  async templatesChanged(): Promise<void> {
    this.#templates.invalidate();
    await this.#hint('templates');
  }

  /** A delivery was made due past this object. */
  async deliveriesChanged(): Promise<void> {
    this.#deliveries.wake();
    await this.#hint('deliveries');
  }

  async #accept(input: AcceptInput, options: AcceptOptions): Promise<AcceptResult> {
    const { webhooks, sessionTimeoutMs, idempotencyTtlMs, maxBacklog } = this.#options;
    const checked = checkAcceptInput(input, options, webhooks);
    if (await this.#backlog.isFull()) {
      this.#stats.refused += 1;
      throw new MessagingError(
        'MESSAGING_OVERLOADED_UNAVAILABLE',
        `More than ${maxBacklog} messages wait to be processed`,
        { details: { maxBacklog, retryAfterMs: 1_000 } },
      );
    }
    const id = uuidv7();
    const attributes = {
      'messaging.message.id': id,
      ...(options.ip === undefined ? {} : { 'client.address': options.ip }),
    };
    return inSpan('accept message', { kind: 'producer', attributes }, async () => {
      const requestId = checked.requestId ?? currentRequestId();
      const message = {
        ...checked,
        id,
        newSessionId: uuidv7(),
        requestId,
        carrier: currentCarrier(),
      };
      const [outcome] = await this.store.accept([message], { sessionTimeoutMs, idempotencyTtlMs });
      if (outcome === undefined) throw new Error('The store gave no outcome for a message');
      if (outcome.kind === 'mismatch') {
        this.#stats.refused += 1;
        throw new MessagingError(
          'MESSAGING_IDEMPOTENCY_KEY_INVALID',
          'The idempotency key was used with another input',
          { details: { idempotencyKey: checked.idempotency?.key, messageId: outcome.messageId } },
        );
      }
      if (outcome.kind === 'accepted') this.#onAccepted(outcome.message, requestId);
      else this.#stats.replayed += 1;
      return { message: outcome.message, replayed: outcome.kind === 'replayed' };
    });
  }

  #onAccepted(message: AcceptedMessage, requestId: string | null): void {
    this.#stats.accepted += 1;
    this.#stats.backlog += 1;
    this.#emitter.emit('message.accepted', message.id, this.#options.clock.now(), {
      ...message,
      requestId,
    });
    if (this.#started) this.#messages.wake();
    else void this.#hint('messages');
  }

  #onWake(topic: WakeTopic): void {
    if (topic === 'messages') this.#messages.wake();
    else if (topic === 'deliveries') this.#deliveries.wake();
    else this.#templates.invalidate();
  }

  /**
   * Tells other processes. What comes while a hint is on its way shares the next one. A hint may be lost, and whoever
   * waits for it polls as well: so a failure is only noted.
   */
  async #hint(topic: WakeTopic): Promise<void> {
    const again = this.#hints.has(topic);
    this.#hints.set(topic, again);
    if (again) return;
    do {
      this.#hints.set(topic, false);
      try {
        await this.store.wake(topic);
      } catch (error) {
        this.#options.logger.debug({ err: error, topic }, 'a hint to other processes was lost');
      }
    } while (this.#hints.get(topic) === true);
    this.#hints.delete(topic);
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const began = this.#options.clock.now();
    const work = (async () => {
      await Promise.allSettled(this.#accepting);
      await Promise.all([this.#messages.stop(), this.#deliveries.stop()]);
    })();
    const drained = await this.#within(work, deadlineMs);
    if (!drained) {
      this.#deliveries.abort();
      await this.#within(work, ABORT_GRACE_MS);
    }
    const subscription = await this.#subscription?.catch(() => null);
    await subscription?.close().catch(() => {});
    this.#unobserve();
    return { drained, durationMs: this.#options.clock.now() - began };
  }

  /** Whether the work ended in time. Never throws: closing always comes to its end. */
  #within(work: Promise<void>, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimeout(() => resolve(false), ms);
      const end = (error?: unknown): void => {
        if (error !== undefined) this.#options.logger.error({ err: error }, 'closing met an error');
        timer.clear();
        resolve(true);
      };
      work.then(() => end(), end);
    });
  }
}

function closed(): MessagingError {
  return new MessagingError('MESSAGING_CLOSED', 'This messaging object was closed');
}

/**
 * Makes a pipeline. Call `init()` once, then `accept()`; `start()` where messages are to be processed.
 *
 * @throws MessagingError `MESSAGING_OPTION_INVALID` naming the option
 */
export function createMessaging(options: MessagingOptions): Messaging {
  return new Messaging(options);
}
