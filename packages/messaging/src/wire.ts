import type { FieldError } from './errors.js';
import type {
  AcceptedMessage,
  Delivery,
  DeliveryAttempt,
  DeliveryStatus,
  Message,
  MessageStatus,
  Reply,
  ReplyPurpose,
  StoredTemplate,
} from './types.js';

/** A reply as JSON. */
export interface ReplyJson {
  id: string;
  purpose: ReplyPurpose;
  text: string;
  locale: string;
  template: string;
}

/** The receipt of an accepted message as JSON. */
export interface AcceptedMessageJson {
  id: string;
  session_id: string;
  client_id: string;
  seq: number;
  status: 'accepted';
  created_at: string;
}

/** A message as JSON. */
export interface MessageJson {
  id: string;
  session_id: string;
  client_id: string;
  seq: number;
  status: MessageStatus;
  text: string;
  normalised_text: string | null;
  locale: string | null;
  platform: string | null;
  chat_id: string | null;
  webhook_url: string | null;
  metadata: Record<string, unknown> | null;
  classification: { category: string; confidence: number; source: string; cached: boolean } | null;
  escalation_reason: string | null;
  replies: ReplyJson[];
  delivery: { id: string; status: DeliveryStatus } | null;
  attempts: number;
  error: string | null;
  request_id: string | null;
  created_at: string;
  processed_at: string | null;
}

/** A delivery as JSON. */
export interface DeliveryJson {
  id: string;
  message_id: string;
  session_id: string;
  client_id: string;
  url: string | null;
  status: DeliveryStatus;
  attempts: number;
  next_attempt_at: string | null;
  last_http_status: number | null;
  last_error: string | null;
  request_id: string | null;
  created_at: string;
  delivered_at: string | null;
}

/** An attempt as JSON. */
export interface AttemptJson {
  n: number;
  started_at: string;
  duration_ms: number | null;
  http_status: number | null;
  error_code: string | null;
  trigger: 'schedule' | 'replay';
}

/** A template as JSON. */
export interface TemplateJson {
  key: string;
  locale: string;
  body: string;
  version: number;
  updated_at: string;
}

/** The body of the webhook that carries a message's replies. */
export interface WebhookEventJson {
  type: 'message.replied';
  timestamp: string;
  data: {
    message_id: string;
    session_id: string;
    client_id: string;
    platform: string | null;
    chat_id: string | null;
    category: string;
    confidence: number;
    status: 'responded' | 'escalated';
    replies: { id: string; purpose: ReplyPurpose; text: string; locale: string }[];
    metadata: Record<string, unknown> | null;
  };
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

/** The receipt of an accepted message as JSON: the body of the 202 answer. */
export function acceptedMessageToJson(message: AcceptedMessage): AcceptedMessageJson {
  return {
    id: message.id,
    session_id: message.sessionId,
    client_id: message.clientId,
    seq: message.seq,
    status: message.status,
    created_at: message.createdAt.toISOString(),
  };
}

/** A message as JSON. */
export function messageToJson(message: Message): MessageJson {
  return {
    id: message.id,
    session_id: message.sessionId,
    client_id: message.clientId,
    seq: message.seq,
    status: message.status,
    text: message.text,
    normalised_text: message.normalisedText,
    locale: message.locale,
    platform: message.platform,
    chat_id: message.chatId,
    webhook_url: message.webhookUrl,
    metadata: message.metadata,
    classification: message.classification === null ? null : { ...message.classification },
    escalation_reason: message.escalationReason,
    replies: message.replies.map((reply) => ({ ...reply })),
    delivery: message.delivery === null ? null : { ...message.delivery },
    attempts: message.attempts,
    error: message.error,
    request_id: message.requestId,
    created_at: message.createdAt.toISOString(),
    processed_at: iso(message.processedAt),
  };
}

/** A delivery as JSON. */
export function deliveryToJson(delivery: Delivery): DeliveryJson {
  return {
    id: delivery.id,
    message_id: delivery.messageId,
    session_id: delivery.sessionId,
    client_id: delivery.clientId,
    url: delivery.url,
    status: delivery.status,
    attempts: delivery.attempts,
    next_attempt_at: iso(delivery.nextAttemptAt),
    last_http_status: delivery.lastHttpStatus,
    last_error: delivery.lastError,
    request_id: delivery.requestId,
    created_at: delivery.createdAt.toISOString(),
    delivered_at: iso(delivery.deliveredAt),
  };
}

/** An attempt as JSON. */
export function attemptToJson(attempt: DeliveryAttempt): AttemptJson {
  return {
    n: attempt.n,
    started_at: attempt.startedAt.toISOString(),
    duration_ms: attempt.durationMs,
    http_status: attempt.httpStatus,
    error_code: attempt.errorCode,
    trigger: attempt.trigger,
  };
}

/** A template as JSON. */
export function templateToJson(template: StoredTemplate): TemplateJson {
  const { key, locale, body, version } = template;
  return { key, locale, body, version, updated_at: template.updatedAt.toISOString() };
}

const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Field errors with the names of the wire (`webhookUrl` becomes `webhook_url`). */
export function fieldErrorsToJson(errors: readonly FieldError[]): FieldError[] {
  return errors.map((error) => ({ ...error, path: snakeCase(error.path) }));
}

/** What the webhook tells. */
export interface WebhookContent {
  readonly at: Date;
  readonly message: Message;
  readonly status: 'responded' | 'escalated';
  readonly category: string;
  readonly confidence: number;
  readonly replies: readonly Reply[];
}

/** The exact body of a message's webhook. */
export function webhookBody(content: WebhookContent): string {
  const { message } = content;
  const event: WebhookEventJson = {
    type: 'message.replied',
    timestamp: content.at.toISOString(),
    data: {
      message_id: message.id,
      session_id: message.sessionId,
      client_id: message.clientId,
      platform: message.platform,
      chat_id: message.chatId,
      category: content.category,
      confidence: content.confidence,
      status: content.status,
      replies: content.replies.map(({ id, purpose, text, locale }) => ({
        id,
        purpose,
        text,
        locale,
      })),
      metadata: message.metadata,
    },
  };
  return JSON.stringify(event);
}
