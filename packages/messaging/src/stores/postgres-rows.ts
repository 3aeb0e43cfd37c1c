import type { SqlRow } from '@holdfast/sql';
import type {
  Classification,
  Delivery,
  DeliveryAttempt,
  DeliveryStatus,
  Message,
  MessageStatus,
  Reply,
  Session,
  StoredTemplate,
  TraceCarrier,
} from '../types.js';

/** Columns of a message row. */
export interface MessageRow extends SqlRow {
  id: string;
  session_id: string;
  seq: number;
  client_id: string;
  status: MessageStatus;
  text: string;
  normalised_text: string | null;
  locale: string | null;
  platform: string | null;
  chat_id: string | null;
  webhook_url: string | null;
  metadata: Record<string, unknown> | null;
  category: string | null;
  confidence: number | null;
  source: string | null;
  cached: boolean | null;
  escalation_reason: string | null;
  error: string | null;
  attempts: number;
  epoch: number;
  lost: number;
  request_id: string | null;
  carrier: TraceCarrier;
  created_at: Date;
  processed_at: Date | null;
}

/** What a message row is joined with when it is read. */
export interface MessageViewRow extends MessageRow {
  replies: Reply[] | null;
  delivery_id: string | null;
  delivery_status: DeliveryStatus | null;
}

/** Columns of a claimed message: the message's, and the session's with a prefix. */
export interface ClaimedMessageRow extends MessageRow {
  s_webhook_url: string | null;
  s_locale: string | null;
  s_greeted_at: Date | null;
  s_fallbacks: number;
  s_created_at: Date;
  s_last_activity_at: Date;
}

/** Columns of a session row. */
export interface SessionRow extends SqlRow {
  id: string;
  client_id: string;
  platform: string | null;
  chat_id: string | null;
  webhook_url: string | null;
  locale: string | null;
  greeted_at: Date | null;
  fallbacks: number;
  created_at: Date;
  last_activity_at: Date;
}

/** Columns of a delivery row. */
export interface DeliveryRow extends SqlRow {
  id: string;
  message_id: string;
  session_id: string;
  client_id: string;
  url: string | null;
  host: string | null;
  body: string;
  carrier: TraceCarrier;
  request_id: string | null;
  status: DeliveryStatus;
  attempts: number;
  tries: number;
  replays: number;
  epoch: number;
  due_at: Date;
  last_http_status: number | null;
  last_error: string | null;
  created_at: Date;
  delivered_at: Date | null;
}

/** Columns of an attempt row. */
export interface AttemptRow extends SqlRow {
  n: number;
  started_at: Date;
  duration_ms: number | null;
  http_status: number | null;
  error_code: string | null;
  trigger: DeliveryAttempt['trigger'];
}

/** Columns of a template row. */
export interface TemplateRow extends SqlRow {
  key: string;
  locale: string;
  body: string;
  version: number;
  updated_at: Date;
}

function classificationOf(row: MessageRow): Classification | null {
  const { category, confidence, source, cached } = row;
  if (category === null || confidence === null || source === null) return null;
  return { category, confidence, source, cached: cached === true };
}

/** A message from its row; `replies` and `delivery` come from elsewhere. */
export function messageOf(
  row: MessageRow,
  replies: readonly Reply[] = [],
  delivery: Message['delivery'] = null,
): Message {
  return {
    id: row.id,
    sessionId: row.session_id,
    clientId: row.client_id,
    seq: row.seq,
    status: row.status,
    text: row.text,
    normalisedText: row.normalised_text,
    locale: row.locale,
    platform: row.platform,
    chatId: row.chat_id,
    webhookUrl: row.webhook_url,
    metadata: row.metadata,
    classification: classificationOf(row),
    escalationReason: row.escalation_reason,
    replies,
    delivery,
    attempts: row.attempts,
    error: row.error,
    requestId: row.request_id,
    createdAt: row.created_at,
    processedAt: row.processed_at,
  };
}

/** A message from a row that was read with its replies and delivery. */
export function messageViewOf(row: MessageViewRow): Message {
  const { delivery_id: id, delivery_status: status } = row;
  return messageOf(row, row.replies ?? [], id === null || status === null ? null : { id, status });
}

/** A session from its row. */
export function sessionOf(row: SessionRow): Session {
  return {
    id: row.id,
    clientId: row.client_id,
    platform: row.platform,
    chatId: row.chat_id,
    webhookUrl: row.webhook_url,
    locale: row.locale,
    greetedAt: row.greeted_at,
    fallbacks: row.fallbacks,
    createdAt: row.created_at,
    lastActivityAt: row.last_activity_at,
  };
}

/** A delivery from its row. */
export function deliveryOf(row: DeliveryRow): Delivery {
  const waits = row.status === 'pending' || row.status === 'retrying';
  return {
    id: row.id,
    messageId: row.message_id,
    sessionId: row.session_id,
    clientId: row.client_id,
    url: row.url,
    status: row.status,
    attempts: row.attempts,
    nextAttemptAt: waits ? row.due_at : null,
    lastHttpStatus: row.last_http_status,
    lastError: row.last_error,
    requestId: row.request_id,
    createdAt: row.created_at,
    deliveredAt: row.delivered_at,
  };
}

/** An attempt from its row. */
export function attemptOf(row: AttemptRow): DeliveryAttempt {
  return {
    n: row.n,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    httpStatus: row.http_status,
    errorCode: row.error_code,
    trigger: row.trigger,
  };
}

/** A template from its row. */
export function templateOf(row: TemplateRow): StoredTemplate {
  const { key, locale, body, version } = row;
  return { key, locale, body, version, updatedAt: row.updated_at };
}
