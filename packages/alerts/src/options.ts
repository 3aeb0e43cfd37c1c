import { z } from 'zod';
import { type AlertStatus, SEVERITIES, type Severity } from './alert.js';
import { type Clock, systemClock } from './clock.js';
import { type Duration, durationMs } from './duration.js';
import { type Logger, silentLogger } from './logger.js';
import type { Notifier, RetryOptions } from './notifier.js';
import type { AlertRule, MetricSource } from './rule.js';
import { durationRule, invalid, problemsOf } from './rule-schema.js';
import type { AlertStore } from './store.js';
import { memoryStore } from './stores/memory.js';

/** Options of {@link createAlerts}. */
export interface AlertsOptions {
  /** When to alert. */
  rules: readonly AlertRule[];
  /**
   * Where metrics are read, by name.
   * @defaultValue none: for rules that read by a function
   */
  sources?: Readonly<Record<string, MetricSource>>;
  /**
   * Who is told.
   * @defaultValue nobody
   */
  notifiers?: readonly Notifier[];
  /**
   * Where alerts are kept.
   * @defaultValue `memoryStore()`
   */
  store?: AlertStore;
  /**
   * Time from one evaluation of the rules to the next, at least 10 ms.
   * @defaultValue `'15s'`
   */
  interval?: Duration;
  /**
   * Longest time to read the value of one rule.
   * @defaultValue `'10s'`
   */
  sourceTimeout?: Duration;
  /**
   * Longest time of one attempt of a notifier.
   * @defaultValue `'10s'`
   */
  notifyTimeout?: Duration;
  /** How failed notifications are tried again. */
  retry?: RetryOptions;
  /** @defaultValue the system's */
  clock?: Clock;
  /** @defaultValue silent */
  logger?: Logger;
  /**
   * Gives a number from 0 up to 1, for the jitter of retries.
   * @defaultValue `Math.random`
   */
  random?: () => number;
}

/** Options of {@link Alerts.acknowledge}. */
export interface AcknowledgeOptions {
  /** Who has seen it. At most 256 characters. */
  by: string;
  /**
   * What they say about it. At most 4096 characters.
   * @defaultValue nothing
   */
  note?: string | undefined;
}

/** Options of {@link Alerts.history}. */
export interface HistoryOptions {
  /** Only alerts of these severities. */
  severity?: readonly Severity[] | undefined;
  /** Only alerts of this rule. */
  rule?: string | undefined;
  /** Only alerts begun at this time or later. */
  from?: Date | undefined;
  /** Only alerts begun before this time. */
  to?: Date | undefined;
  /**
   * Items a page, 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | undefined;
}

/** Options of {@link Alerts.list}. */
export interface ListOptions extends HistoryOptions {
  /** Only alerts with these statuses. */
  status?: readonly AlertStatus[] | undefined;
}

/** Options of {@link Alerts.close}. */
export interface CloseOptions {
  /**
   * Longest wait for notifications to be sent.
   * @defaultValue `'5s'`
   */
  deadline?: Duration;
}

/** Options with their defaults, durations in milliseconds. */
export interface ResolvedOptions {
  readonly sources: Readonly<Record<string, MetricSource>>;
  readonly notifiers: readonly Notifier[];
  readonly store: AlertStore;
  readonly intervalMs: number;
  readonly sourceTimeoutMs: number;
  readonly notifyTimeoutMs: number;
  readonly retry: Required<RetryOptions>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

const object = (...methods: string[]) =>
  z.custom<object>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((method) => typeof Reflect.get(value, method) === 'function'),
    { error: `must be an object with ${methods.join(', ')}` },
  );

const text = (max: number) => z.string().min(1).max(max);

const createRule = z.strictObject({
  rules: z.array(z.unknown()).max(10_000),
  sources: z.record(text(128), object('read')).optional(),
  notifiers: z
    .array(object('notify'))
    .refine(
      (notifiers) =>
        new Set(notifiers.map((one) => Reflect.get(one, 'name'))).size === notifiers.length,
      'must have different names',
    )
    .optional(),
  store: object('commit', 'load', 'get', 'list', 'counts').optional(),
  interval: durationRule
    .refine((value) => durationMs(value) >= 10, 'must be at least 10 ms')
    .optional(),
  sourceTimeout: durationRule.optional(),
  notifyTimeout: durationRule.optional(),
  retry: z
    .strictObject({
      attempts: z.int().min(1).max(100).optional(),
      initialMs: z.number().min(0).optional(),
      maxMs: z.number().min(0).optional(),
    })
    .optional(),
  clock: object('now', 'setTimeout').optional(),
  logger: object('debug', 'info', 'warn', 'error').optional(),
  random: z.custom<() => number>((value) => typeof value === 'function').optional(),
});

/** Rules of the options of each method. */
export const rules: {
  readonly acknowledge: z.ZodType<AcknowledgeOptions>;
  readonly list: z.ZodType<ListOptions & { limit: number }>;
} = {
  acknowledge: z.strictObject({ by: text(256), note: text(4096).optional() }),
  list: z.strictObject({
    status: z.array(z.enum(['pending', 'firing', 'resolved'])).optional(),
    severity: z.array(z.enum(SEVERITIES)).optional(),
    rule: text(128).optional(),
    from: z.date().optional(),
    to: z.date().optional(),
    limit: z.int().min(1).max(500).default(50),
    cursor: text(2048).optional(),
  }),
};

/**
 * Checks what a caller gave.
 * @throws AlertError `ALERT_OPTION_INVALID` that names each option, the rule and what was received
 */
export function check<T>(rule: z.ZodType<T>, value: unknown, name: string): T {
  const result = rule.safeParse(value);
  if (result.success) return result.data;
  throw invalid('ALERT_OPTION_INVALID', problemsOf(rule, value, name));
}

/** Options with their defaults. */
export function resolveOptions(options: AlertsOptions): ResolvedOptions {
  check(createRule, options, 'options');
  const { retry = {} } = options;
  return {
    sources: options.sources ?? {},
    notifiers: options.notifiers ?? [],
    store: options.store ?? memoryStore(),
    intervalMs: durationMs(options.interval ?? '15s'),
    sourceTimeoutMs: durationMs(options.sourceTimeout ?? '10s'),
    notifyTimeoutMs: durationMs(options.notifyTimeout ?? '10s'),
    retry: {
      attempts: retry.attempts ?? 5,
      initialMs: retry.initialMs ?? 1_000,
      maxMs: retry.maxMs ?? 300_000,
    },
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    random: options.random ?? Math.random,
  };
}
