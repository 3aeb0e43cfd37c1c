import { z } from 'zod';
import {
  type Acknowledgement,
  type Alert,
  type AlertStatus,
  type Page,
  SEVERITIES,
  type Severity,
  type Transition,
} from './alert.js';
import { durationMs } from './duration.js';
import type { AlertRule, Threshold } from './rule.js';
import { thresholdRule } from './rule-schema.js';

export { metricRuleSchema, thresholdRule as thresholdSchema } from './rule-schema.js';

/*
 * The JSON of the management surface: snake_case, times in ISO 8601 UTC with milliseconds. Names of labels and
 * annotations stay as they are.
 */

/** JSON of an {@link Acknowledgement}. */
export interface AcknowledgementJson {
  at: string;
  by: string;
  note: string | null;
}

/** JSON of a {@link Transition}. */
export interface TransitionJson extends Omit<Transition, 'at'> {
  at: string;
}

/** JSON of an {@link Alert}. */
export interface AlertJson {
  /** UUIDv7. */
  id: string;
  rule: string;
  fingerprint: string;
  severity: Severity;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  status: AlertStatus;
  /** Null where none was read, and for infinity, which JSON does not have. */
  value: number | null;
  started_at: string;
  fired_at: string | null;
  resolved_at: string | null;
  acknowledged: AcknowledgementJson | null;
  transitions: TransitionJson[];
}

/** JSON of an {@link AlertRule}. */
export interface RuleJson {
  id: string;
  /** Whether it reads a metric or is a function. */
  kind: 'metric' | 'function';
  /** Null for a function. */
  metric: string | null;
  severity: Severity;
  fire: Threshold;
  /** Null: the opposite of `fire`. */
  clear: Threshold | null;
  for_ms: number;
  cooldown_ms: number;
  no_data: 'keep' | 'resolve';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  enabled: boolean;
}

/** JSON of a {@link Page} of alerts. */
export interface AlertPageJson {
  items: AlertJson[];
  /** Gives the next page; null at the end. */
  next_cursor: string | null;
}

/** What each method of {@link AlertAdmin} takes, once it has been checked. */
export interface AlertInputs {
  rules: Record<string, never>;
  active: Record<string, never>;
  counts: Record<string, never>;
  list: {
    status?: AlertStatus[] | undefined;
    severity?: Severity[] | undefined;
    rule?: string | undefined;
    from?: string | undefined;
    to?: string | undefined;
    limit: number;
    cursor?: string | undefined;
  };
  get: { id: string };
  acknowledge: { id: string; by: string; note?: string | undefined };
}

/** What each method of {@link AlertAdmin} gives. */
export interface AlertOutputs {
  rules: { items: RuleJson[] };
  active: { items: AlertJson[] };
  counts: Record<AlertStatus, Record<Severity, number>>;
  list: AlertPageJson;
  get: AlertJson;
  acknowledge: AlertJson;
}

const time = z.iso.datetime().meta({ example: '2026-11-21T12:00:00.000Z' });
const severity = z.enum(SEVERITIES).meta({ description: 'How bad it is', example: 'CRITICAL' });
const status = z.enum(['pending', 'firing', 'resolved']);
const texts = z.record(z.string(), z.string());
const id = z.uuid().meta({ description: 'UUIDv7 of an alert' });
const ruleId = z.string().min(1).max(128).meta({ example: 'dead-deliveries' });
const by = z.string().min(1).max(256).meta({ description: 'Who has seen it', example: 'ann' });

const alert = z.object({
  id,
  rule: ruleId,
  fingerprint: z.string().meta({ description: 'Names the rule with these labels' }),
  severity,
  labels: texts.meta({ example: { pool: 'main' } }),
  annotations: texts.meta({ example: { summary: 'Pool main is at 95 %' } }),
  status,
  value: z.number().nullable().meta({ description: 'When it last changed', example: 0.95 }),
  started_at: time,
  fired_at: time.nullable(),
  resolved_at: time.nullable(),
  acknowledged: z.object({ at: time, by, note: z.string().nullable() }).nullable(),
  transitions: z.array(
    z.object({
      at: time,
      type: z.enum(['pending', 'fired', 'reopened', 'announced', 'acknowledged', 'resolved']),
      value: z.number().nullable(),
      by: z.string().nullable(),
      note: z.string().nullable(),
    }),
  ),
});

const rule = z.object({
  id: ruleId,
  kind: z.enum(['metric', 'function']),
  metric: z.string().nullable(),
  severity,
  fire: thresholdRule,
  clear: thresholdRule.nullable(),
  for_ms: z.number(),
  cooldown_ms: z.number(),
  no_data: z.enum(['keep', 'resolve']),
  labels: texts,
  annotations: texts,
  enabled: z.boolean(),
});

/** One value or several, as a query string has them: `a,b`. */
function several<Item extends string>(values: readonly Item[]): z.ZodType<Item[]> {
  const split = (given: unknown) => (typeof given === 'string' ? given.split(',') : given);
  return z.preprocess(split, z.array(z.enum(values)));
}

const nothing: z.ZodType<Record<string, never>> = z.strictObject({});

/** Checks what a method of {@link AlertAdmin} takes. Numbers and lists may come as text, as in a query string. */
export const alertInputs: {
  readonly [Method in keyof AlertInputs]: z.ZodType<AlertInputs[Method]>;
} = {
  rules: nothing,
  active: nothing,
  counts: nothing,
  list: z.strictObject({
    status: several(['pending', 'firing', 'resolved'] as const)
      .optional()
      .meta({ description: 'Only these', example: ['firing'] }),
    severity: several(SEVERITIES).optional().meta({ description: 'Only these' }),
    rule: ruleId.optional(),
    from: time.optional().meta({ description: 'Begun at this time or later' }),
    to: time.optional().meta({ description: 'Begun before this time' }),
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(500)
      .default(50)
      .meta({ description: 'Items a page' }),
    cursor: z
      .string()
      .min(1)
      .max(2048)
      .optional()
      .meta({ description: '`next_cursor` of the page before' }),
  }),
  get: z.strictObject({ id }),
  acknowledge: z.strictObject({ id, by, note: z.string().min(1).max(4096).optional() }),
};

const tally = z.object({
  INFO: z.int(),
  WARNING: z.int(),
  CRITICAL: z.int(),
  EMERGENCY: z.int(),
});

/** Describes what a method of {@link AlertAdmin} gives. */
export const alertOutputs: {
  readonly [Method in keyof AlertOutputs]: z.ZodType<AlertOutputs[Method]>;
} = {
  rules: z.object({ items: z.array(rule) }),
  active: z.object({ items: z.array(alert) }),
  counts: z.object({ pending: tally, firing: tally, resolved: tally }),
  list: z.object({
    items: z.array(alert),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Gives the next page; null at the end' }),
  }),
  get: alert,
  acknowledge: alert,
};

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function acknowledgementJson({ at, by: who, note }: Acknowledgement): AcknowledgementJson {
  return { at: at.toISOString(), by: who, note };
}

/** An {@link Alert} as JSON. */
export function alertJson(given: Alert): AlertJson {
  return {
    id: given.id,
    rule: given.rule,
    fingerprint: given.fingerprint,
    severity: given.severity,
    labels: { ...given.labels },
    annotations: { ...given.annotations },
    status: given.status,
    value: finite(given.value),
    started_at: given.startedAt.toISOString(),
    fired_at: given.firedAt?.toISOString() ?? null,
    resolved_at: given.resolvedAt?.toISOString() ?? null,
    acknowledged: given.acknowledged === null ? null : acknowledgementJson(given.acknowledged),
    transitions: given.transitions.map((entry) => ({
      ...entry,
      at: entry.at.toISOString(),
      value: finite(entry.value),
    })),
  };
}

/** A {@link Page} of alerts as JSON. */
export function alertPageJson({ items, nextCursor }: Page<Alert>): AlertPageJson {
  return { items: items.map(alertJson), next_cursor: nextCursor };
}

/** An {@link AlertRule} as JSON. */
export function ruleJson(given: AlertRule): RuleJson {
  const isFunction = 'read' in given;
  return {
    id: given.id,
    kind: isFunction ? 'function' : 'metric',
    metric: isFunction ? null : given.metric,
    severity: given.severity,
    fire: given.fire,
    clear: given.clear ?? null,
    for_ms: durationMs(given.for ?? 0),
    cooldown_ms: durationMs(given.cooldown ?? '5m'),
    no_data: given.noData ?? 'keep',
    labels: { ...given.labels },
    annotations: { ...given.annotations },
    enabled: given.enabled ?? true,
  };
}
