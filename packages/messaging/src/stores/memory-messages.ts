import type {
  AcceptOutcome,
  AcceptRules,
  ClaimedMessage,
  ClaimOptions,
  CommitOutcome,
  EnqueueInTransaction,
  MessageFilter,
  MessagingCounts,
  NewMessage,
  PageRequest,
  ProcessedMessage,
  ReleasedMessage,
} from '../store.js';
import type { AcceptedMessage, Message, Page, Session } from '../types.js';
import type { MemoryDeliveries } from './memory-deliveries.js';
import { pageOf } from './page.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface SessionRow {
  session: Mutable<Session>;
  nextSeq: number;
  /** Unfinished messages, earliest first. */
  readonly waiting: Row[];
}

interface Row {
  message: Mutable<Message>;
  readonly source: NewMessage;
  readonly session: SessionRow;
  epoch: number;
  lost: number;
  /** Not to be taken before: set by a lease and by a wait. */
  availableAt: number;
}

interface KeyRow {
  readonly fingerprint: string;
  readonly receipt: AcceptedMessage;
  readonly expiresAt: number;
}

/** The messages, sessions and idempotency keys of the memory store. */
export class MemoryMessages {
  readonly #now: () => number;
  readonly #deliveries: MemoryDeliveries;
  readonly #rows = new Map<string, Row>();
  readonly #unfinished = new Map<string, Row>();
  readonly #sessions = new Map<string, SessionRow>();
  /** The open session of each client, platform and chat. */
  readonly #open = new Map<string, SessionRow>();
  readonly #keys = new Map<string, KeyRow>();
  #committing: Promise<unknown> = Promise.resolve();

  constructor(now: () => number, deliveries: MemoryDeliveries) {
    this.#now = now;
    this.#deliveries = deliveries;
  }

  accept(source: NewMessage, rules: AcceptRules): AcceptOutcome {
    const now = this.#now();
    const { idempotency } = source;
    const keyId = idempotency === null ? '' : JSON.stringify([source.clientId, idempotency.key]);
    const known = idempotency === null ? undefined : this.#keys.get(keyId);
    if (idempotency !== null && known !== undefined && known.expiresAt > now) {
      if (known.fingerprint !== idempotency.fingerprint)
        return { kind: 'mismatch', messageId: known.receipt.id };
      return { kind: 'replayed', message: known.receipt };
    }
    const row = this.#add(source, this.#sessionFor(source, now, rules.sessionTimeoutMs), now);
    const { id, sessionId, clientId, seq, createdAt } = row.message;
    const receipt: AcceptedMessage = {
      id,
      sessionId,
      clientId,
      seq,
      status: 'accepted',
      createdAt,
    };
    if (idempotency !== null) {
      const expiresAt = now + rules.idempotencyTtlMs;
      this.#keys.set(keyId, { fingerprint: idempotency.fingerprint, receipt, expiresAt });
    }
    return { kind: 'accepted', message: receipt };
  }

  #sessionFor(source: NewMessage, now: number, timeoutMs: number): SessionRow {
    const { clientId, platform, chatId } = source;
    const key = JSON.stringify([clientId, platform, chatId]);
    const found = this.#open.get(key);
    if (found !== undefined && found.session.lastActivityAt.getTime() >= now - timeoutMs) {
      found.session.lastActivityAt = new Date(now);
      found.session.webhookUrl = source.webhookUrl ?? found.session.webhookUrl;
      return found;
    }
    const at = new Date(now);
    const row: SessionRow = {
      session: {
        id: source.newSessionId,
        clientId,
        platform,
        chatId,
        webhookUrl: source.webhookUrl,
        locale: null,
        greetedAt: null,
        fallbacks: 0,
        createdAt: at,
        lastActivityAt: at,
      },
      nextSeq: 1,
      waiting: [],
    };
    this.#open.set(key, row);
    this.#sessions.set(row.session.id, row);
    return row;
  }

  #add(source: NewMessage, session: SessionRow, now: number): Row {
    const { id, clientId, text, platform, chatId, webhookUrl, metadata, locale, requestId } =
      source;
    const message: Message = {
      id,
      sessionId: session.session.id,
      clientId,
      seq: session.nextSeq,
      status: 'accepted',
      text,
      normalisedText: null,
      locale,
      platform,
      chatId,
      webhookUrl,
      metadata: metadata === null ? null : structuredClone(metadata),
      classification: null,
      escalationReason: null,
      replies: [],
      delivery: null,
      attempts: 0,
      error: null,
      requestId,
      createdAt: new Date(now),
      processedAt: null,
    };
    const row: Row = { message, source, session, epoch: 0, lost: 0, availableAt: now };
    session.nextSeq += 1;
    session.waiting.push(row);
    this.#rows.set(id, row);
    this.#unfinished.set(id, row);
    return row;
  }

  backlog(atMost: number): number {
    return Math.min(atMost, this.#unfinished.size);
  }

  claim({ limit, leaseMs }: ClaimOptions): ClaimedMessage[] {
    const now = this.#now();
    const claimed: ClaimedMessage[] = [];
    for (const row of this.#unfinished.values()) {
      if (claimed.length >= limit) break;
      if (row.availableAt > now || row.session.waiting[0] !== row) continue;
      row.epoch += 1;
      row.availableAt = now + leaseMs;
      if (row.message.status === 'processing') row.lost += 1;
      else row.message.attempts += 1;
      row.message.status = 'processing';
      const { epoch, lost, source } = row;
      claimed.push({
        message: { ...row.message },
        session: { ...row.session.session },
        carrier: source.carrier,
        epoch,
        lost,
      });
    }
    return claimed;
  }

  /** One after another, as the tasks of a commit are enqueued before its replies show. */
  commit(
    items: readonly ProcessedMessage[],
    enqueue: EnqueueInTransaction | undefined,
  ): Promise<CommitOutcome[]> {
    const work = this.#committing.then(() => this.#commit(items, enqueue));
    this.#committing = work.catch(() => {});
    return work;
  }

  async #commit(
    items: readonly ProcessedMessage[],
    enqueue: EnqueueInTransaction | undefined,
  ): Promise<CommitOutcome[]> {
    const tasks = items
      .filter((item) => this.#held(item.messageId, item.epoch) !== null)
      .flatMap((item) => item.tasks);
    if (tasks.length > 0 && enqueue !== undefined) await enqueue(tasks, undefined);
    return items.map((item) => {
      const row = this.#held(item.messageId, item.epoch);
      if (row === null) return 'stale';
      this.#finish(row, item);
      return 'committed';
    });
  }

  #held(id: string, epoch: number): Row | null {
    const row = this.#unfinished.get(id);
    return row?.epoch === epoch && row.message.status === 'processing' ? row : null;
  }

  #finish(row: Row, item: ProcessedMessage): void {
    const now = new Date(this.#now());
    const { message, session } = row;
    message.status = item.status;
    message.normalisedText = item.normalisedText;
    message.locale = item.locale;
    message.classification = item.classification;
    message.escalationReason = item.escalationReason;
    message.error = item.error;
    message.replies = item.replies;
    message.processedAt = now;
    if (item.session !== null) {
      session.session.locale = item.session.locale;
      session.session.fallbacks = item.session.fallbacks;
      if (item.session.greeted) session.session.greetedAt ??= now;
    }
    if (item.delivery !== null) {
      this.#deliveries.add(item, item.delivery);
      message.delivery = { id: item.delivery.id, status: 'pending' };
    }
    session.waiting.splice(session.waiting.indexOf(row), 1);
    this.#unfinished.delete(message.id);
  }

  release(items: readonly ReleasedMessage[]): void {
    for (const { messageId, epoch, delayMs, counts, error } of items) {
      const row = this.#held(messageId, epoch);
      if (row === null) continue;
      row.availableAt = this.#now() + delayMs;
      row.lost = 0;
      row.message.status = 'accepted';
      row.message.error = error;
      if (!counts) row.message.attempts -= 1;
    }
  }

  get(id: string): Message | null {
    const row = this.#rows.get(id);
    return row === undefined ? null : this.#view(row);
  }

  #view({ message }: Row): Message {
    const delivery = message.delivery === null ? null : this.#deliveries.get(message.delivery.id);
    return {
      ...message,
      delivery: delivery === null ? null : { id: delivery.id, status: delivery.status },
    };
  }

  list({ status, clientId, sessionId }: MessageFilter, page: PageRequest): Page<Message> {
    const fitting = [...this.#rows.values()].filter(
      ({ message }) =>
        (status === undefined || message.status === status) &&
        (clientId === undefined || message.clientId === clientId) &&
        (sessionId === undefined || message.sessionId === sessionId),
    );
    return pageOf(
      fitting.map((row) => this.#view(row)),
      page,
    );
  }

  session(id: string): Session | null {
    const row = this.#sessions.get(id);
    return row === undefined ? null : { ...row.session };
  }

  counts(): MessagingCounts['messages'] {
    const counts = { accepted: 0, processing: 0, failed: 0 };
    for (const { message } of this.#rows.values()) {
      if (message.status in counts) counts[message.status as keyof typeof counts] += 1;
    }
    return counts;
  }

  prune(): number {
    const now = this.#now();
    const before = this.#keys.size;
    for (const [key, { expiresAt }] of this.#keys) {
      if (expiresAt <= now) this.#keys.delete(key);
    }
    return before - this.#keys.size;
  }
}
