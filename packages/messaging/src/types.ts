/**
 * Terminology.
 *
 * - **message**: one text of a customer, kept unchanged; processed once.
 * - **session**: the messages of one client on one platform and chat, until it rests for the session time-out.
 *   It remembers where replies go, and whether the client was greeted.
 * - **reply**: one text for the customer, caused by a message. A message has at most one reply of each purpose.
 * - **delivery**: the one signed webhook that carries a message's replies. Its id is the `webhook-id`.
 * - **attempt**: one try to send a delivery.
 * - **lease** and **epoch**: who takes a message or delivery holds it until the lease ends; each taking raises the
 *   epoch, and a result that comes with an old epoch is refused.
 */

/** Where a message stands. `responded`, `escalated` and `failed` are final. */
export type MessageStatus = 'accepted' | 'processing' | 'responded' | 'escalated' | 'failed';

/** Every {@link MessageStatus}. */
export const MESSAGE_STATUSES: readonly MessageStatus[] = [
  'accepted',
  'processing',
  'responded',
  'escalated',
  'failed',
];

/** Where a delivery stands. `delivered`, `dead` and `no_destination` are final (a replay starts it again). */
export type DeliveryStatus =
  | 'pending'
  | 'sending'
  | 'retrying'
  | 'delivered'
  | 'dead'
  | 'no_destination';

/** Every {@link DeliveryStatus}. */
export const DELIVERY_STATUSES: readonly DeliveryStatus[] = [
  'pending',
  'sending',
  'retrying',
  'delivered',
  'dead',
  'no_destination',
];

/** What a reply is for. */
export type ReplyPurpose = 'greeting' | 'answer' | 'instruction' | 'escalation';

/** Every {@link ReplyPurpose}. */
export const REPLY_PURPOSES: readonly ReplyPurpose[] = [
  'greeting',
  'answer',
  'instruction',
  'escalation',
];

/** What caused an attempt: the schedule, or somebody who asked for a replay. */
export type AttemptTrigger = 'schedule' | 'replay';

/** What a customer's system hands in. */
export interface AcceptInput {
  /** The client's name in the caller's system, 1 to 255 characters. */
  clientId: string;
  /** What the client wrote, 1 to 8000 characters. Kept unchanged. */
  text: string;
  /** Where replies go, at most 500 characters. Kept by the session, so later messages may leave it out. */
  webhookUrl?: string | null;
  /** For example `telegram` or `crm`, at most 50 characters. */
  platform?: string | null;
  /** The chat on the platform, at most 255 characters. */
  chatId?: string | null;
  /** The client's language, such as `uk` or `en-GB`. @defaultValue found from the text */
  locale?: string | null;
  /** Plain JSON, at most 16 KiB; sent back unchanged in the webhook. */
  metadata?: Record<string, unknown> | null;
}

/** The receipt of an accepted message. The same for every repetition of a request. */
export interface AcceptedMessage {
  readonly id: string;
  readonly sessionId: string;
  readonly clientId: string;
  /** Place of the message in its session, from 1. */
  readonly seq: number;
  readonly status: 'accepted';
  readonly createdAt: Date;
}

/** What the classifier said about a message. */
export interface Classification {
  readonly category: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** Who said it, for example `rules`. */
  readonly source: string;
  /** Whether it came from the cache. */
  readonly cached: boolean;
}

/** One text for the customer. */
export interface Reply {
  readonly id: string;
  readonly purpose: ReplyPurpose;
  readonly text: string;
  readonly locale: string;
  /** Key of the template it was made from. */
  readonly template: string;
}

/** One text of a customer and what became of it. */
export interface Message {
  readonly id: string;
  readonly sessionId: string;
  readonly clientId: string;
  readonly seq: number;
  readonly status: MessageStatus;
  /** As received. */
  readonly text: string;
  /** `null` until processed. */
  readonly normalisedText: string | null;
  /** Language of the message; as given until processed. */
  readonly locale: string | null;
  readonly platform: string | null;
  readonly chatId: string | null;
  readonly webhookUrl: string | null;
  readonly metadata: Record<string, unknown> | null;
  readonly classification: Classification | null;
  /** Why a person must look at it; `null` when nobody must. */
  readonly escalationReason: string | null;
  readonly replies: readonly Reply[];
  readonly delivery: { readonly id: string; readonly status: DeliveryStatus } | null;
  /** Tries to process it; one that a dying process left is the same try for whoever takes it over. */
  readonly attempts: number;
  /** Why processing failed last. */
  readonly error: string | null;
  readonly requestId: string | null;
  readonly createdAt: Date;
  readonly processedAt: Date | null;
}

/** What is remembered between the messages of one conversation. */
export interface Session {
  readonly id: string;
  readonly clientId: string;
  readonly platform: string | null;
  readonly chatId: string | null;
  /** The last address given with a message of the session. */
  readonly webhookUrl: string | null;
  /** Language of the last processed message. */
  readonly locale: string | null;
  readonly greetedAt: Date | null;
  /** Messages in a row that were not understood. */
  readonly fallbacks: number;
  readonly createdAt: Date;
  readonly lastActivityAt: Date;
}

/** The webhook of one message. */
export interface Delivery {
  /** Also the `webhook-id`, the same in every attempt. */
  readonly id: string;
  readonly messageId: string;
  readonly sessionId: string;
  readonly clientId: string;
  /** `null` when neither message nor session named one. */
  readonly url: string | null;
  readonly status: DeliveryStatus;
  /** Attempts begun, replays included. */
  readonly attempts: number;
  /** When it is tried next; `null` when it is final. */
  readonly nextAttemptAt: Date | null;
  readonly lastHttpStatus: number | null;
  readonly lastError: string | null;
  readonly requestId: string | null;
  readonly createdAt: Date;
  readonly deliveredAt: Date | null;
}

/** One try to send a delivery. */
export interface DeliveryAttempt {
  /** From 1. */
  readonly n: number;
  readonly startedAt: Date;
  /** `null` when the process ended before the result was written. */
  readonly durationMs: number | null;
  readonly httpStatus: number | null;
  /** For example `TIMEOUT`, `ECONNREFUSED`, `SSRF_BLOCKED`, `HTTP_503`; `UNKNOWN` when the result was lost; `null` for success. */
  readonly errorCode: string | null;
  readonly trigger: AttemptTrigger;
}

/** A text with places to fill, in one language. */
export interface Template {
  readonly key: string;
  readonly locale: string;
  /** `{{ name }}` marks a place; see {@link TEMPLATE_VARIABLES}. */
  readonly body: string;
}

/** A template as stored. */
export interface StoredTemplate extends Template {
  /** Raised by each change, from 1. */
  readonly version: number;
  readonly updatedAt: Date;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Give it back as `cursor` for the next page; `null` on the last. */
  readonly nextCursor: string | null;
}

/** OpenTelemetry's headers, as its propagator wrote them. */
export type TraceCarrier = Readonly<Record<string, string>>;

/** Names that a template may use between `{{` and `}}`. */
export const TEMPLATE_VARIABLES: readonly string[] = [
  'client_id',
  'session_id',
  'message_id',
  'platform',
  'category',
  'text',
];
