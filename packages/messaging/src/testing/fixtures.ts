import type {
  AcceptOutcome,
  AcceptRules,
  ClaimedDelivery,
  ClaimedMessage,
  DeliverySettlement,
  MessagingStore,
  NewMessage,
  ProcessedMessage,
} from '../store.js';
import type { AcceptedMessage } from '../types.js';
import { uuidv7 } from '../uuid.js';

/** What the suite uses of a test runner: vitest and Jest fit, and `node:test` with an `expect` of one's choice. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  expect(actual: unknown): { toEqual(expected: unknown): void };
}

/** What a store can do. */
export interface StoreCapabilities {
  /** Whether tasks are enqueued in the transaction that writes the replies. Where not, the reason. */
  transactions: true | { absent: string };
}

/** The store to be proved. */
export interface ConformanceOptions {
  name: string;
  /** Makes an empty store, ready to use: `init()` was called. */
  create: () => Promise<MessagingStore>;
  /** @defaultValue everything */
  capabilities?: StoreCapabilities;
}

/** Rules under which nothing runs out during a test. */
export const RULES: AcceptRules = { sessionTimeoutMs: 3_600_000, idempotencyTtlMs: 3_600_000 };

/** A lease that does not end during a test. */
export const LONG = 60_000;

/** Real time passes. */
export const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** A message as the pipeline would hand it in. */
export function newMessage(fields: Partial<NewMessage> = {}): NewMessage {
  return {
    id: uuidv7(),
    newSessionId: uuidv7(),
    clientId: 'ann',
    text: 'hello',
    webhookUrl: null,
    platform: null,
    chatId: null,
    locale: null,
    metadata: null,
    requestId: null,
    carrier: {},
    idempotency: null,
    ...fields,
  };
}

/** Accepts messages that must all be new. */
export async function accepted(
  store: MessagingStore,
  messages: readonly NewMessage[],
): Promise<AcceptedMessage[]> {
  return receipts(await store.accept(messages, RULES));
}

/** The receipts of outcomes that have one. */
export function receipts(outcomes: readonly AcceptOutcome[]): AcceptedMessage[] {
  return outcomes.map((outcome) => {
    if (outcome.kind === 'mismatch') throw new Error('Expected a receipt, got a mismatch');
    return outcome.message;
  });
}

/** Takes one message, which must be there. */
export async function claimOne(
  store: MessagingStore,
  leaseMs: number = LONG,
): Promise<ClaimedMessage> {
  const [claimed] = await store.claimMessages({ limit: 1, leaseMs });
  if (claimed === undefined) throw new Error('Expected a message to take, got none');
  return claimed;
}

/** What a pipeline makes of a message: a greeting where there was none, an answer, a delivery. */
export function processed(
  { message, session, epoch }: ClaimedMessage,
  fields: Partial<ProcessedMessage> = {},
): ProcessedMessage {
  const greet = session.greetedAt === null;
  const answer = {
    id: uuidv7(),
    purpose: 'answer',
    text: 'Yes',
    locale: 'en',
    template: 't',
  } as const;
  const greeting = { ...answer, id: uuidv7(), purpose: 'greeting', text: 'Hi' } as const;
  const url = message.webhookUrl ?? session.webhookUrl;
  return {
    messageId: message.id,
    sessionId: session.id,
    clientId: message.clientId,
    requestId: message.requestId,
    epoch,
    status: 'responded',
    normalisedText: message.text,
    locale: 'en',
    classification: { category: 'BILLING', confidence: 0.75, source: 'rules', cached: false },
    escalationReason: null,
    error: null,
    replies: greet ? [greeting, answer] : [answer],
    delivery: {
      id: uuidv7(),
      url,
      host: url === null ? null : new URL(url).host,
      body: '{"é":1}',
      carrier: { traceparent: 't' },
    },
    session: { greeted: greet, locale: 'en', fallbacks: 0 },
    tasks: [],
    ...fields,
  };
}

/** Accepts messages, each of its own client, and processes them, so that each has a due delivery. */
export async function withDeliveries(
  store: MessagingStore,
  urls: readonly string[],
): Promise<void> {
  await accepted(
    store,
    urls.map((webhookUrl, i) => newMessage({ clientId: `client-${i}`, webhookUrl })),
  );
  const claimed = await store.claimMessages({ limit: urls.length, leaseMs: LONG });
  await store.commit(claimed.map((item) => processed(item)));
}

/** Takes deliveries, without other limits. */
export function claimDeliveries(
  store: MessagingStore,
  options: {
    limit?: number;
    leaseMs?: number;
    perHost?: number;
    held?: Record<string, number>;
  } = {},
): Promise<ClaimedDelivery[]> {
  return store.claimDeliveries({ limit: 100, leaseMs: LONG, perHost: 100, held: {}, ...options });
}

/** Takes the one delivery that is due. */
export async function claimDelivery(
  store: MessagingStore,
  leaseMs: number = LONG,
): Promise<ClaimedDelivery> {
  const [claimed, ...others] = await claimDeliveries(store, { leaseMs });
  if (claimed === undefined || others.length > 0) {
    throw new Error(
      `Expected one delivery, got ${others.length + (claimed === undefined ? 0 : 1)}`,
    );
  }
  return claimed;
}

/** The result of an attempt. */
export function settlement(
  { delivery, epoch }: ClaimedDelivery,
  fields: Partial<DeliverySettlement> = {},
): DeliverySettlement {
  return {
    deliveryId: delivery.id,
    epoch,
    outcome: 'delivered',
    delayMs: 0,
    durationMs: 12,
    httpStatus: 204,
    errorCode: null,
    error: null,
    ...fields,
  };
}
