import type { MessagingEmitter } from '../events.js';
import { LIMITS, storableText } from '../limits.js';
import type { ResolvedOptions } from '../options.js';
import type { Pipeline } from '../stages/pipeline.js';
import { StageStop } from '../stages/stage.js';
import type { ClaimedMessage, EnqueueInTransaction, ProcessedMessage } from '../store.js';
import { inSpan, type MessagingStats } from '../telemetry.js';
import { WakeLoop } from './wake-loop.js';

const MAX_BATCH = 128;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 60_000;
const CONSEQUENCES = { responded: 'message.answered', escalated: 'message.escalated' } as const;

/** So often a process may die with a message in hand before the message is given up. */
const MAX_LOST = 20;
const SUSPECT_LOST = 3;

const isSuspect = ({ lost }: ClaimedMessage): boolean => lost >= SUSPECT_LOST;

/** Whether what was asked for is away for now, by the end of the error's code (`SQL_UNAVAILABLE`, `QUEUE_TIMEOUT`, …). */
function isOutage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /_(?:UNAVAILABLE|TIMEOUT|CLOSED)$/.test(code);
}

/** What the worker needs. */
export interface MessageWorkerDeps {
  readonly options: ResolvedOptions;
  readonly pipeline: Pipeline;
  readonly emitter: MessagingEmitter;
  readonly stats: MessagingStats;
  /** Replies were committed, so deliveries are due. */
  readonly onCommitted: () => void;
}

const textOf = (error: unknown): string =>
  storableText(error instanceof Error ? error.message : String(error), LIMITS.errorText);

/** Takes messages, runs the stages, commits what they ask for. */
export class MessageWorker {
  readonly #deps: MessageWorkerDeps;
  readonly #loop: WakeLoop;
  readonly #enqueue: EnqueueInTransaction | undefined;
  readonly #inHand = new Set<Promise<void>>();
  #lastError: string | null = null;

  constructor(deps: MessageWorkerDeps) {
    this.#deps = deps;
    const { tasks, clock, pollIntervalMs, logger } = deps.options;
    if (tasks !== undefined) {
      this.#enqueue = async (requests, tx) => {
        await tasks.enqueue(requests, tx === undefined ? {} : { tx });
      };
    }
    this.#loop = new WakeLoop({
      clock,
      intervalMs: pollIntervalMs,
      step: () => this.#step(),
      onError: (error) => {
        this.#lastError = textOf(error);
        logger.error({ err: error }, 'taking messages failed');
      },
    });
  }

  /** Why messages could not be taken last; `null` when they could. */
  get lastError(): string | null {
    return this.#lastError;
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Takes no more messages. Resolves when those in hand are committed or given back. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all(this.#inHand);
  }

  async #step(): Promise<boolean> {
    const { options } = this.#deps;
    const free = options.concurrency - this.#inHand.size;
    if (free <= 0) return false; // whoever ends wakes the loop
    const limit = Math.min(free, MAX_BATCH);
    const claimed = await options.store.claimMessages({ limit, leaseMs: options.messageLeaseMs });
    this.#lastError = null;
    for (const item of claimed) {
      if (!isSuspect(item)) void this.#take(item);
    }
    await this.#takeAlone(claimed.filter(isSuspect));
    return claimed.length === limit;
  }

  #take(item: ClaimedMessage): Promise<void> {
    const work = this.#handle(item).finally(() => {
      this.#inHand.delete(work);
      this.#deps.stats.inFlightMessages = this.#inHand.size;
      this.#loop.wake();
    });
    this.#inHand.add(work);
    this.#deps.stats.inFlightMessages = this.#inHand.size;
    return work;
  }

  /**
   * Messages whose processes kept dying: one of them may be why. Each is processed with nothing else in hand, in random
   * order, so that the others come through and only the cause runs out of tries.
   */
  async #takeAlone(suspects: ClaimedMessage[]): Promise<void> {
    const { random } = this.#deps.options;
    const order = suspects.map((item) => ({ item, at: random() })).sort((a, b) => a.at - b.at);
    for (const { item } of order) {
      await Promise.all(this.#inHand);
      await this.#take(item);
    }
  }

  async #handle(claimed: ClaimedMessage): Promise<void> {
    const { message } = claimed;
    const attributes = {
      'messaging.message.id': message.id,
      'holdfast.messaging.session_id': message.sessionId,
      'holdfast.messaging.attempt': message.attempts,
    };
    try {
      await inSpan(
        'process message',
        { kind: 'consumer', carrier: claimed.carrier, attributes },
        async (span) => {
          const processed = await this.#process(claimed);
          if (processed === null) return;
          if (processed.status !== 'failed') {
            span.setAttribute('holdfast.consequence', CONSEQUENCES[processed.status]);
          }
          await this.#commit(claimed, processed);
        },
      );
    } catch (error) {
      // Nothing of the message is written. That the store is away says nothing about the message: the try is not counted.
      this.#deps.options.logger.error(
        { err: error, message_id: message.id },
        'committing a message failed',
      );
      await this.#giveBack(claimed, error, !isOutage(error));
    }
  }

  async #process(claimed: ClaimedMessage): Promise<ProcessedMessage | null> {
    const { options, pipeline } = this.#deps;
    const { message, session } = claimed;
    const { maxAttempts } = options;
    if (message.attempts > maxAttempts || claimed.lost >= MAX_LOST) {
      return this.#failed(claimed, message.error ?? 'Each process that tried it died');
    }
    try {
      const now = new Date(options.clock.now());
      return await pipeline(claimed, { now, message, session, logger: options.logger });
    } catch (error) {
      options.logger.warn(
        { err: error, message_id: message.id, attempt: message.attempts },
        'processing a message failed',
      );
      const counts = !isOutage(error);
      const final = error instanceof StageStop && !error.retryable;
      if (final || (counts && message.attempts >= maxAttempts))
        return this.#failed(claimed, textOf(error));
      await this.#giveBack(claimed, error, counts);
      return null;
    }
  }

  #failed({ message, epoch }: ClaimedMessage, error: string): ProcessedMessage {
    return {
      messageId: message.id,
      sessionId: message.sessionId,
      clientId: message.clientId,
      requestId: message.requestId,
      epoch,
      status: 'failed',
      normalisedText: null,
      locale: message.locale,
      classification: null,
      escalationReason: null,
      error,
      replies: [],
      delivery: null,
      session: null,
      tasks: [],
    };
  }

  async #giveBack(
    { message, epoch }: ClaimedMessage,
    error: unknown,
    counts: boolean,
  ): Promise<void> {
    const { store, random, logger } = this.#deps.options;
    const step = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (message.attempts - 1));
    const delayMs = Math.round(step * (0.5 + random() / 2));
    try {
      await store.releaseMessages([
        { messageId: message.id, epoch, delayMs, counts, error: textOf(error) },
      ]);
    } catch (cause) {
      logger.warn(
        { err: cause, message_id: message.id },
        'giving a message back failed; its lease will end',
      );
    }
  }

  async #commit({ message }: ClaimedMessage, processed: ProcessedMessage): Promise<void> {
    const { options, emitter, stats, onCommitted } = this.#deps;
    const [outcome] = await options.store.commit([processed], this.#enqueue);
    if (outcome !== 'committed') {
      options.logger.warn(
        { message_id: message.id },
        'somebody else has taken the message; this result is dropped',
      );
      return;
    }
    const now = options.clock.now();
    stats[processed.status] += 1;
    stats.backlog = Math.max(0, stats.backlog - 1);
    stats.processingSeconds += Math.max(0, now - message.createdAt.getTime()) / 1_000;
    if (processed.delivery?.url != null) onCommitted();
    const fields = {
      message_id: message.id,
      session_id: message.sessionId,
      request_id: message.requestId,
    };
    if (processed.status === 'failed')
      options.logger.error({ ...fields, error: processed.error }, 'message failed');
    else options.logger.debug({ ...fields, status: processed.status }, 'message processed');
    emitter.emit(`message.${processed.status}`, message.id, now, {
      messageId: message.id,
      sessionId: message.sessionId,
      clientId: message.clientId,
      requestId: message.requestId,
      status: processed.status,
      category: processed.classification?.category ?? null,
      escalationReason: processed.escalationReason,
      deliveryId: processed.delivery?.id ?? null,
      error: processed.error,
    });
  }
}
