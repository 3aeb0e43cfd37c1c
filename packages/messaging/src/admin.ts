import type { SqlTransaction } from '@holdfast/sql';
import { describeReceived, type FieldError, invalidInput, MessagingError } from './errors.js';
import { isStorableText, LIMITS } from './limits.js';
import type { Messaging } from './messaging.js';
import type { DeliveryFilter, MessageFilter, MessagingCounts, PageRequest } from './store.js';
import { checkTemplate } from './templates/template.js';
import {
  DELIVERY_STATUSES,
  type Delivery,
  type DeliveryAttempt,
  MESSAGE_STATUSES,
  type Message,
  type Page,
  type StoredTemplate,
  type Template,
} from './types.js';

/** Which part of a list. */
export interface ListOptions {
  /** Items on a page, 1 to 500. @defaultValue 50 */
  limit?: number;
  /** The `nextCursor` of the page before. */
  cursor?: string | null;
}

/** Options of a change of templates. */
export interface TemplateChangeOptions {
  /** A transaction of the store's own database: the change becomes true when it commits. */
  tx?: SqlTransaction;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const CURSOR_PREFIX = 'c1:';

const encodeCursor = (after: string): string =>
  Buffer.from(CURSOR_PREFIX + after).toString('base64url');

function decodeCursor(cursor: string, pattern: RegExp): string {
  const text = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString() : '';
  const after = text.startsWith(CURSOR_PREFIX) ? text.slice(CURSOR_PREFIX.length) : '';
  if (pattern.test(after)) return after;
  throw new MessagingError(
    'MESSAGING_CURSOR_INVALID',
    'The cursor is not one that a list returned',
    {
      details: {
        errors: [
          {
            path: 'cursor',
            rule: 'the nextCursor of a page before',
            received: describeReceived(cursor),
          },
        ],
      },
    },
  );
}

function pageRequest(options: ListOptions, pattern: RegExp): PageRequest {
  const { limit = 50, cursor = null } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.listLimit) {
    const rule = `an integer from 1 to ${LIMITS.listLimit}`;
    throw invalidInput([{ path: 'limit', rule, received: describeReceived(limit) }]);
  }
  return { limit, after: cursor === null ? null : decodeCursor(cursor, pattern) };
}

const withCursor = <T>(page: Page<T>): Page<T> =>
  page.nextCursor === null ? page : { ...page, nextCursor: encodeCursor(page.nextCursor) };

function checkOneOf(path: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  const error: FieldError = {
    path,
    rule: `one of ${allowed.join(', ')}`,
    received: describeReceived(value),
  };
  throw invalidInput([error]);
}

function checkText(path: string, value: string | undefined, max: number): void {
  const fits = typeof value === 'string' && value.length <= max && isStorableText(value);
  if (value === undefined || fits) return;
  const rule = `a text of at most ${max} characters without NUL and half surrogate pairs`;
  throw invalidInput([{ path, rule, received: describeReceived(value) }]);
}

function checkId(path: string, value: string | undefined): void {
  if (value === undefined || UUID.test(value)) return;
  throw invalidInput([{ path, rule: 'a UUID', received: describeReceived(value) }]);
}

/** Looks into a pipeline and steers it: plain data in, plain data out. */
export class MessagingAdmin {
  readonly #messaging: Messaging;

  constructor(messaging: Messaging) {
    this.#messaging = messaging;
  }

  /** @throws MessagingError `MESSAGING_MESSAGE_NOT_FOUND` */
  async getMessage(id: string): Promise<Message> {
    const message = UUID.test(id) ? await this.#messaging.store.getMessage(id) : null;
    if (message !== null) return message;
    throw new MessagingError(
      'MESSAGING_MESSAGE_NOT_FOUND',
      `There is no message ${describeReceived(id)}`,
    );
  }

  /** Newest first. */
  async listMessages(
    filter: MessageFilter = {},
    options: ListOptions = {},
  ): Promise<Page<Message>> {
    checkOneOf('status', filter.status, MESSAGE_STATUSES);
    checkId('sessionId', filter.sessionId);
    checkText('clientId', filter.clientId, LIMITS.clientId);
    return withCursor(await this.#messaging.store.listMessages(filter, pageRequest(options, UUID)));
  }

  /** @throws MessagingError `MESSAGING_DELIVERY_NOT_FOUND` */
  async getDelivery(id: string): Promise<Delivery> {
    const delivery = UUID.test(id) ? await this.#messaging.store.getDelivery(id) : null;
    if (delivery !== null) return delivery;
    throw deliveryNotFound(id);
  }

  /** Newest first. */
  async listDeliveries(
    filter: DeliveryFilter = {},
    options: ListOptions = {},
  ): Promise<Page<Delivery>> {
    checkOneOf('status', filter.status, DELIVERY_STATUSES);
    checkId('messageId', filter.messageId);
    return withCursor(
      await this.#messaging.store.listDeliveries(filter, pageRequest(options, UUID)),
    );
  }

  /** The attempts of a delivery, first one first. @throws MessagingError `MESSAGING_DELIVERY_NOT_FOUND` */
  async listAttempts(
    deliveryId: string,
    options: ListOptions = {},
  ): Promise<Page<DeliveryAttempt>> {
    await this.getDelivery(deliveryId);
    const page = pageRequest(options, /^\d{1,9}$/);
    return withCursor(await this.#messaging.store.listAttempts(deliveryId, page));
  }

  /**
   * Sends a delivery once more, now, with the same `webhook-id` and body, and begins its retry schedule anew.
   *
   * @throws MessagingError `MESSAGING_DELIVERY_NOT_FOUND`; `MESSAGING_DELIVERY_CONFLICT` while it is being sent, or
   * when it has no destination
   */
  async replayDelivery(id: string): Promise<Delivery> {
    const outcome = UUID.test(id) ? await this.#messaging.store.replayDelivery(id) : 'not_found';
    if (outcome === 'not_found') throw deliveryNotFound(id);
    if (outcome !== 'replayed') {
      const why = outcome === 'sending' ? 'is being sent' : 'has no destination';
      throw new MessagingError('MESSAGING_DELIVERY_CONFLICT', `Delivery ${id} ${why}`, {
        details: { reason: outcome },
      });
    }
    await this.#messaging.deliveriesChanged();
    return this.getDelivery(id);
  }

  /** All templates, by key and locale. */
  async listTemplates(options: TemplateChangeOptions = {}): Promise<StoredTemplate[]> {
    return this.#messaging.store.listTemplates(options);
  }

  /** Writes one template. @throws MessagingError `MESSAGING_TEMPLATE_INVALID` */
  async putTemplate(
    template: Template,
    options: TemplateChangeOptions = {},
  ): Promise<StoredTemplate> {
    checkTemplate(template);
    const [stored] = await this.#messaging.store.putTemplates([template], options);
    if (stored === undefined) throw new Error('The store gave no template back');
    await this.#templatesChanged(options.tx);
    return stored;
  }

  /** Makes the templates exactly these, for instance those of an earlier day. @throws MessagingError `MESSAGING_TEMPLATE_INVALID` */
  async replaceTemplates(
    templates: readonly Template[],
    options: TemplateChangeOptions = {},
  ): Promise<void> {
    for (const template of templates) checkTemplate(template);
    await this.#messaging.store.replaceTemplates(templates, options);
    await this.#templatesChanged(options.tx);
  }

  /** How much is unfinished or in trouble. Costs as much as there is of it. */
  async counts(): Promise<MessagingCounts> {
    return this.#messaging.store.counts();
  }

  /** Forgets idempotency keys that ran out. */
  async prune(): Promise<{ idempotencyKeys: number }> {
    return this.#messaging.store.prune();
  }

  async #templatesChanged(tx: SqlTransaction | undefined): Promise<void> {
    if (tx === undefined) return this.#messaging.templatesChanged();
    tx.afterCommit(() => void this.#messaging.templatesChanged());
  }
}

function deliveryNotFound(id: string): MessagingError {
  return new MessagingError(
    'MESSAGING_DELIVERY_NOT_FOUND',
    `There is no delivery ${describeReceived(id)}`,
  );
}
