import type { Logger } from './ports.js';
import type { AcceptedMessage, MessageStatus } from './types.js';
import { uuidv7 } from './uuid.js';

/** What each event tells. */
export interface MessagingEvents {
  'message.accepted': AcceptedMessage & { readonly requestId: string | null };
  'message.responded': MessageProcessed;
  'message.escalated': MessageProcessed;
  'message.failed': MessageProcessed;
  'delivery.delivered': DeliverySettled;
  'delivery.retrying': DeliverySettled;
  'delivery.dead': DeliverySettled;
}

/** A message came to its end. */
export interface MessageProcessed {
  readonly messageId: string;
  readonly sessionId: string;
  readonly clientId: string;
  readonly requestId: string | null;
  readonly status: MessageStatus;
  readonly category: string | null;
  readonly escalationReason: string | null;
  readonly deliveryId: string | null;
  readonly error: string | null;
}

/** An attempt to deliver was settled. */
export interface DeliverySettled {
  readonly deliveryId: string;
  readonly messageId: string;
  readonly requestId: string | null;
  readonly attempt: number;
  readonly httpStatus: number | null;
  readonly errorCode: string | null;
  readonly durationMs: number;
  /** Until the next attempt; `null` when there is none. */
  readonly delayMs: number | null;
}

/** Name of an event. */
export type MessagingEventType = keyof MessagingEvents;

/** One event. */
export interface MessagingEvent<Type extends MessagingEventType = MessagingEventType> {
  readonly id: string;
  readonly at: Date;
  readonly type: Type;
  /** The message or delivery it is about. */
  readonly subject: string;
  readonly data: MessagingEvents[Type];
}

type Handler<Type extends MessagingEventType> = (event: MessagingEvent<Type>) => void;
type Handlers = { [Type in MessagingEventType]: Set<Handler<Type>> };

/** Tells handlers in this process. A handler that throws is logged and harms nobody else. */
export class MessagingEmitter {
  readonly #logger: Logger;
  readonly #handlers: Handlers = {
    'message.accepted': new Set(),
    'message.responded': new Set(),
    'message.escalated': new Set(),
    'message.failed': new Set(),
    'delivery.delivered': new Set(),
    'delivery.retrying': new Set(),
    'delivery.dead': new Set(),
  };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on<Type extends MessagingEventType>(type: Type, handler: Handler<Type>): () => void {
    const handlers: Set<Handler<Type>> = this.#handlers[type];
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  emit<Type extends MessagingEventType>(
    type: Type,
    subject: string,
    at: number,
    data: MessagingEvents[Type],
  ): void {
    const handlers: Set<Handler<Type>> = this.#handlers[type];
    if (handlers.size === 0) return;
    const event: MessagingEvent<Type> = { id: uuidv7(), at: new Date(at), type, subject, data };
    for (const handler of handlers) {
      try {
        handler(event);
      } catch (error) {
        this.#logger.error({ err: error, event: type }, 'an event handler threw');
      }
    }
  }
}
