import type { SqlTransaction } from '@holdfast/sql';
import type { TaskRequest } from './ports.js';
import type {
  AcceptedMessage,
  AttemptTrigger,
  Classification,
  Delivery,
  DeliveryAttempt,
  DeliveryStatus,
  Message,
  MessageStatus,
  Page,
  Reply,
  Session,
  StoredTemplate,
  Template,
  TraceCarrier,
} from './types.js';

/** What a store needs to keep a new message. Ids are made by the caller; times by the store. */
export interface NewMessage {
  readonly id: string;
  /** Id of the session, if the message opens one. */
  readonly newSessionId: string;
  readonly clientId: string;
  readonly text: string;
  readonly webhookUrl: string | null;
  readonly platform: string | null;
  readonly chatId: string | null;
  readonly locale: string | null;
  readonly metadata: Record<string, unknown> | null;
  readonly requestId: string | null;
  readonly carrier: TraceCarrier;
  /** `fingerprint` is a hash of the input: the same key with another fingerprint is refused. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
}

/** Options of {@link MessagingStore.accept}. */
export interface AcceptRules {
  /** A session that rested longer is over; the next message opens another. */
  readonly sessionTimeoutMs: number;
  /** How long an idempotency key is remembered. */
  readonly idempotencyTtlMs: number;
}

/** What became of a new message. `mismatch`: the key is known with another fingerprint, and nothing was stored. */
export type AcceptOutcome =
  | { readonly kind: 'accepted' | 'replayed'; readonly message: AcceptedMessage }
  | { readonly kind: 'mismatch'; readonly messageId: string };

/** A message taken for processing. */
export interface ClaimedMessage {
  readonly message: Message;
  readonly session: Session;
  readonly carrier: TraceCarrier;
  readonly epoch: number;
  /** Leases in a row that ended without a word: so often a process may have died with the message in hand. */
  readonly lost: number;
}

/** A delivery to write with the replies. */
export interface NewDelivery {
  readonly id: string;
  readonly url: string | null;
  /** Host and port, for fairness between destinations. */
  readonly host: string | null;
  /** The exact bytes that every attempt sends. */
  readonly body: string;
  readonly carrier: TraceCarrier;
}

/** Everything that a processed message changes; written in one transaction, or not at all. */
export interface ProcessedMessage {
  readonly messageId: string;
  readonly sessionId: string;
  readonly clientId: string;
  readonly requestId: string | null;
  readonly epoch: number;
  readonly status: 'responded' | 'escalated' | 'failed';
  readonly normalisedText: string | null;
  readonly locale: string | null;
  readonly classification: Classification | null;
  readonly escalationReason: string | null;
  readonly error: string | null;
  readonly replies: readonly Reply[];
  readonly delivery: NewDelivery | null;
  /** Present when the session changes. */
  readonly session: {
    readonly greeted: boolean;
    readonly locale: string | null;
    readonly fallbacks: number;
  } | null;
  readonly tasks: readonly TaskRequest[];
}

/** Writes tasks inside the store's transaction. */
export type EnqueueInTransaction = (
  tasks: readonly TaskRequest[],
  tx: SqlTransaction | undefined,
) => Promise<void>;

/** `stale`: somebody else has taken the message since; nothing was written. */
export type CommitOutcome = 'committed' | 'stale';

/** A message given back unprocessed. */
export interface ReleasedMessage {
  readonly messageId: string;
  readonly epoch: number;
  /** Not to be taken before this time has passed. */
  readonly delayMs: number;
  /** Whether the try counts. Handing work back at shut-down does not. */
  readonly counts: boolean;
  readonly error: string | null;
}

/** Options of {@link MessagingStore.claimMessages}. */
export interface ClaimOptions {
  readonly limit: number;
  readonly leaseMs: number;
}

/** Options of {@link MessagingStore.claimDeliveries}. */
export interface ClaimDeliveriesOptions extends ClaimOptions {
  /** Most deliveries of one host that the caller may hold. */
  readonly perHost: number;
  /** How many the caller holds now, by host. */
  readonly held: Readonly<Record<string, number>>;
}

/** A delivery taken for sending. */
export interface ClaimedDelivery {
  readonly delivery: Delivery;
  readonly url: string;
  readonly host: string;
  readonly body: string;
  readonly carrier: TraceCarrier;
  readonly epoch: number;
  /** Number of this attempt, from 1, replays included. */
  readonly attempt: number;
  /** Number of this attempt since the last replay, from 1: the place in the retry schedule. */
  readonly tryNumber: number;
  readonly trigger: AttemptTrigger;
}

/** The result of an attempt. */
export interface DeliverySettlement {
  readonly deliveryId: string;
  readonly epoch: number;
  readonly outcome: 'delivered' | 'retrying' | 'dead';
  /** Time until the next attempt; for `retrying`. */
  readonly delayMs: number;
  readonly durationMs: number;
  readonly httpStatus: number | null;
  readonly errorCode: string | null;
  readonly error: string | null;
}

/** A delivery given back unsent. The try does not count. */
export interface ReleasedDelivery {
  readonly deliveryId: string;
  readonly epoch: number;
}

/** Filter of {@link MessagingStore.listMessages}. */
export interface MessageFilter {
  readonly status?: MessageStatus;
  readonly clientId?: string;
  readonly sessionId?: string;
}

/** Filter of {@link MessagingStore.listDeliveries}. */
export interface DeliveryFilter {
  readonly status?: DeliveryStatus;
  readonly messageId?: string;
}

/** Which part of a list. `after` is the last id of the page before. */
export interface PageRequest {
  readonly limit: number;
  readonly after: string | null;
}

/** How much there is of what is unfinished or in trouble. */
export interface MessagingCounts {
  readonly messages: Readonly<Record<'accepted' | 'processing' | 'failed', number>>;
  readonly deliveries: Readonly<Record<'pending' | 'sending' | 'retrying' | 'dead', number>>;
}

/** What changed, as a hint for other processes. */
export type WakeTopic = 'messages' | 'deliveries' | 'templates';

/** What a replay did. */
export type ReplayOutcome = 'replayed' | 'not_found' | 'sending' | 'no_destination';

/** Where the pipeline keeps its state. Batches cost a small constant number of statements, however large they are. */
export interface MessagingStore {
  /** For logs, for example `memory`. */
  readonly name: string;
  /** Makes the store ready: tables, indexes. Safe to call by several processes at once. */
  init(): Promise<void>;

  /** Stores messages with their idempotency keys and sessions, all in one transaction. Results in the same order. */
  accept(messages: readonly NewMessage[], rules: AcceptRules): Promise<AcceptOutcome[]>;
  /** Unfinished messages, counted up to `atMost`. */
  backlog(atMost: number): Promise<number>;
  /**
   * Takes messages, oldest first: of each session only its earliest unfinished one. Raises `epoch`, and `attempts` too
   * unless a lease that ended is taken over: that a process died says nothing about the message.
   */
  claimMessages(options: ClaimOptions): Promise<ClaimedMessage[]>;
  /** Writes what processed messages change, with their tasks, in one transaction. Results in the same order. */
  commit(
    items: readonly ProcessedMessage[],
    enqueue?: EnqueueInTransaction,
  ): Promise<CommitOutcome[]>;
  /** Gives messages back. What somebody else has taken since is left alone. */
  releaseMessages(items: readonly ReleasedMessage[]): Promise<void>;

  /** Takes due deliveries, those first of whose host the fewest are held or go before them. One whose lease ended is taken again, its lost attempt noted as `UNKNOWN`. */
  claimDeliveries(options: ClaimDeliveriesOptions): Promise<ClaimedDelivery[]>;
  /** Writes results of attempts. `false`: somebody else has taken the delivery since; nothing was written. */
  settleDeliveries(items: readonly DeliverySettlement[]): Promise<boolean[]>;
  /** Gives deliveries back unsent. */
  releaseDeliveries(items: readonly ReleasedDelivery[]): Promise<void>;
  /** Makes a delivery due now, with the same id and body, and begins its schedule anew. */
  replayDelivery(id: string): Promise<ReplayOutcome>;

  getMessage(id: string): Promise<Message | null>;
  /** Newest first. */
  listMessages(filter: MessageFilter, page: PageRequest): Promise<Page<Message>>;
  getSession(id: string): Promise<Session | null>;
  getDelivery(id: string): Promise<Delivery | null>;
  /** Newest first. */
  listDeliveries(filter: DeliveryFilter, page: PageRequest): Promise<Page<Delivery>>;
  /** In the order they were made; `page.after` is the number of the last one seen. */
  listAttempts(deliveryId: string, page: PageRequest): Promise<Page<DeliveryAttempt>>;
  counts(): Promise<MessagingCounts>;

  listTemplates(options?: { tx?: SqlTransaction }): Promise<StoredTemplate[]>;
  /** Writes templates; `onlyMissing` leaves those that exist as they are. Returns what was written. */
  putTemplates(
    templates: readonly Template[],
    options?: { tx?: SqlTransaction; onlyMissing?: boolean },
  ): Promise<StoredTemplate[]>;
  /** Makes the stored templates exactly these. */
  replaceTemplates(
    templates: readonly Template[],
    options?: { tx?: SqlTransaction },
  ): Promise<void>;

  /** Forgets idempotency keys that ran out. */
  prune(): Promise<{ idempotencyKeys: number }>;

  /** Tells other processes that there is something to do. Only a hint: it may be lost. */
  wake(topic: WakeTopic): Promise<void>;
  /** Hears such hints. */
  onWake(handler: (topic: WakeTopic) => void): Promise<{ close(): Promise<void> }>;
}
