import type { Classifier } from './classify/classifier.js';
import { ruleClassifier } from './classify/rule-classifier.js';
import { type Duration, durationMs } from './duration.js';
import { invalidOption } from './errors.js';
import {
  type CachePort,
  type Clock,
  type Logger,
  silentLogger,
  systemClock,
  type TasksPort,
} from './ports.js';
import { defaultScenarios, type Scenario } from './scenarios.js';
import type { MessagingStore } from './store.js';
import { defaultTemplates } from './templates/default-templates.js';
import type { Template } from './types.js';
import { type AddressPolicy, addressPolicy } from './webhooks/address-policy.js';
import { defaultRetrySchedule } from './webhooks/retry-schedule.js';
import { type SigningKey, signingKey } from './webhooks/sign.js';

/** What a process does. */
export type MessagingRole = 'all' | 'accept' | 'work';

/** When a failed delivery is tried again. */
export interface RetryOptions {
  /**
   * Longest wait before each further attempt; the wait is drawn between `floor` and it (full jitter).
   * As many attempts as entries, plus the first.
   * @defaultValue Standard Webhooks: 5s, 5m, 30m, 2h, 5h, 10h, 14h, 20h, 24h (10 attempts, at most 75 hours)
   */
  schedule?: readonly Duration[];
  /** Shortest wait. @defaultValue `'1s'` */
  floor?: Duration;
  /** Longest wait that a receiver's `Retry-After` may ask for. @defaultValue `'24h'` */
  maxRetryAfter?: Duration;
}

/** How webhooks are signed and sent. */
export interface WebhookOptions {
  /** Signing secrets, `whsec_` and 24 to 64 bytes in base64. With several, each signs: so a secret is rotated. */
  secrets: readonly string[];
  /**
   * Networks in CIDR notation that may be reached although they are not public, such as `127.0.0.0/8`.
   * @defaultValue none
   */
  allowNetworks?: readonly string[];
  /** Refuses `http:` addresses. @defaultValue false */
  requireHttps?: boolean;
  /** Total time of an attempt, from connecting to the end of the answer. @defaultValue `'15s'` */
  timeout?: Duration;
  /** Attempts at once, in this process. @defaultValue 128 */
  concurrency?: number;
  /** Attempts at once to one host, in this process: a dead host holds no more than these. @defaultValue 32 */
  perHost?: number;
  retry?: RetryOptions;
}

/** Options of {@link createMessaging}. */
export interface MessagingOptions {
  /** Where state is kept: `memoryStore()`, or `postgresStore(db)` of `@holdfast/messaging/postgres`. */
  store: MessagingStore;
  webhooks: WebhookOptions;
  /** Names the category of a text. @defaultValue `ruleClassifier()` */
  classifier?: Classifier;
  /** Time limit of a classification; then the rules decide. @defaultValue `'3s'` */
  classifierTimeout?: Duration;
  /** Least confidence to answer by category; below it the fallback answers. @defaultValue 0.5 */
  minConfidence?: number;
  /** Least distance between the best and the second-best category. @defaultValue 0.1 */
  minMargin?: number;
  /** Messages in a row that may stay not understood before a person is called. @defaultValue 1 */
  maxFallbacks?: number;
  /** What is answered to each category. @defaultValue {@link defaultScenarios} */
  scenarios?: readonly Scenario[];
  /** Templates written by `init()` where they are missing. @defaultValue {@link defaultTemplates} (en, ru, uk) */
  templates?: readonly Template[];
  /** Language of the last resort. @defaultValue `'en'` */
  defaultLocale?: string;
  /** Caches classifications. @defaultValue none */
  cache?: CachePort;
  /** How long classifications are cached. @defaultValue `'1h'` */
  cacheTtl?: Duration;
  /** Gets the tasks that messages cause (`escalation.notify`). @defaultValue none: no tasks */
  tasks?: TasksPort;
  /** A session that rested longer is over; the next message opens another and is greeted. @defaultValue `'24h'` */
  sessionTimeout?: Duration;
  /** How long an idempotency key is remembered. @defaultValue `'24h'` */
  idempotencyTtl?: Duration;
  /** Unprocessed messages, as far as this process knows, above which `accept` refuses. @defaultValue 10000 */
  maxBacklog?: number;
  /** Messages processed at once, in this process. @defaultValue 256 */
  concurrency?: number;
  /** How long a message may be in processing before another process takes it. @defaultValue `'30s'` */
  messageLease?: Duration;
  /** Tries to process a message before it is `failed`. @defaultValue 5 */
  maxAttempts?: number;
  /** Longest time until work is noticed that no hint announced. @defaultValue `'1s'` */
  pollInterval?: Duration;
  /** `accept` takes messages only; `work` processes and delivers only. @defaultValue `'all'` */
  role?: MessagingRole;
  /** @defaultValue silent */
  logger?: Logger;
  /** @defaultValue the system's */
  clock?: Clock;
  /** Numbers from 0 to 1 for jitter. @defaultValue `Math.random` */
  random?: () => number;
}

/** Options with defaults filled in and durations in milliseconds. */
export interface ResolvedOptions {
  readonly store: MessagingStore;
  readonly classifier: Classifier;
  readonly classifierTimeoutMs: number;
  readonly minConfidence: number;
  readonly minMargin: number;
  readonly maxFallbacks: number;
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly templates: readonly Template[];
  readonly defaultLocale: string;
  readonly cache: CachePort | undefined;
  readonly cacheTtlMs: number;
  readonly tasks: TasksPort | undefined;
  readonly sessionTimeoutMs: number;
  readonly idempotencyTtlMs: number;
  readonly maxBacklog: number;
  readonly concurrency: number;
  readonly messageLeaseMs: number;
  readonly maxAttempts: number;
  readonly pollIntervalMs: number;
  readonly role: MessagingRole;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly webhooks: ResolvedWebhooks;
}

/** {@link WebhookOptions} with defaults filled in. */
export interface ResolvedWebhooks {
  readonly keys: readonly SigningKey[];
  readonly policy: AddressPolicy;
  readonly requireHttps: boolean;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly perHost: number;
  readonly scheduleMs: readonly number[];
  readonly floorMs: number;
  readonly maxRetryAfterMs: number;
}

function duration(option: string, value: Duration | undefined, fallbackMs: number): number {
  if (value === undefined) return fallbackMs;
  const ms = durationMs(value);
  if (Number.isNaN(ms)) {
    throw invalidOption(option, "a number of milliseconds or text such as '30s'", value);
  }
  return ms;
}

function integer(option: string, value: number | undefined, fallback: number, min: number): number {
  if (value === undefined) return fallback;
  if (!Number.isInteger(value) || value < min) {
    throw invalidOption(option, `an integer from ${min} up`, value);
  }
  return value;
}

function share(option: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value >= 0 && value <= 1)) throw invalidOption(option, 'a number from 0 to 1', value);
  return value;
}

function resolveWebhooks(options: WebhookOptions | undefined): ResolvedWebhooks {
  if (options === undefined || !Array.isArray(options.secrets) || options.secrets.length === 0) {
    throw invalidOption('webhooks.secrets', 'an array of at least one secret', options?.secrets);
  }
  const retry = options.retry ?? {};
  const schedule = retry.schedule ?? defaultRetrySchedule;
  return {
    keys: options.secrets.map((secret, i) => signingKey(secret, `webhooks.secrets[${i}]`)),
    policy: addressPolicy(options.allowNetworks ?? []),
    requireHttps: options.requireHttps ?? false,
    timeoutMs: duration('webhooks.timeout', options.timeout, 15_000),
    concurrency: integer('webhooks.concurrency', options.concurrency, 128, 1),
    perHost: integer('webhooks.perHost', options.perHost, 32, 1),
    scheduleMs: schedule.map((step, i) => duration(`webhooks.retry.schedule[${i}]`, step, 0)),
    floorMs: duration('webhooks.retry.floor', retry.floor, 1_000),
    maxRetryAfterMs: duration('webhooks.retry.maxRetryAfter', retry.maxRetryAfter, 86_400_000),
  };
}

function resolveRole(role: MessagingRole | undefined): MessagingRole {
  if (role === undefined) return 'all';
  if (role !== 'all' && role !== 'accept' && role !== 'work') {
    throw invalidOption('role', "'all', 'accept' or 'work'", role);
  }
  return role;
}

/** Checks options and fills in defaults. */
export function resolveOptions(options: MessagingOptions): ResolvedOptions {
  if (typeof options?.store?.accept !== 'function') {
    throw invalidOption('store', 'a store, such as memoryStore()', options?.store);
  }
  return {
    store: options.store,
    classifier: options.classifier ?? ruleClassifier(),
    classifierTimeoutMs: duration('classifierTimeout', options.classifierTimeout, 3_000),
    minConfidence: share('minConfidence', options.minConfidence, 0.5),
    minMargin: share('minMargin', options.minMargin, 0.1),
    maxFallbacks: integer('maxFallbacks', options.maxFallbacks, 1, 0),
    scenarios: new Map((options.scenarios ?? defaultScenarios).map((s) => [s.category, s])),
    templates: options.templates ?? defaultTemplates,
    defaultLocale: options.defaultLocale ?? 'en',
    cache: options.cache,
    cacheTtlMs: duration('cacheTtl', options.cacheTtl, 3_600_000),
    tasks: options.tasks,
    sessionTimeoutMs: duration('sessionTimeout', options.sessionTimeout, 86_400_000),
    idempotencyTtlMs: duration('idempotencyTtl', options.idempotencyTtl, 86_400_000),
    maxBacklog: integer('maxBacklog', options.maxBacklog, 10_000, 1),
    concurrency: integer('concurrency', options.concurrency, 256, 1),
    messageLeaseMs: duration('messageLease', options.messageLease, 30_000),
    maxAttempts: integer('maxAttempts', options.maxAttempts, 5, 1),
    pollIntervalMs: duration('pollInterval', options.pollInterval, 1_000),
    role: resolveRole(options.role),
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    webhooks: resolveWebhooks(options.webhooks),
  };
}
