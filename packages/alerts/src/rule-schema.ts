import { z } from 'zod';
import { SEVERITIES } from './alert.js';
import { type Duration, durationMs } from './duration.js';
import { AlertError } from './errors.js';
import type { AlertRule, FunctionRule, MetricRule, RuleFields, Threshold } from './rule.js';
import { templateProblem } from './template.js';

/** One thing wrong with what a caller gave. */
export interface InputProblem {
  /** Where, such as `rules.0.fire.above`. */
  readonly path: string;
  /** What must hold there. */
  readonly rule: string;
  /** What was there, shortened. */
  readonly received: string;
}

const number = z.number();

/** A {@link Threshold}. */
export const thresholdRule: z.ZodType<Threshold> = z.union(
  [
    z.strictObject({ above: number }),
    z.strictObject({ atLeast: number }),
    z.strictObject({ below: number }),
    z.strictObject({ atMost: number }),
  ],
  { error: 'must be one of { above }, { atLeast }, { below }, { atMost } with a finite number' },
);

/** A {@link Duration}. */
export const durationRule: z.ZodType<Duration> = z.custom<Duration>(
  (value) => !Number.isNaN(durationMs(value as Duration)),
  { error: "must be a duration: milliseconds from 0 up, or such as '30s', '5m', '1h'" },
);

const labels = z.record(
  z.string().regex(/^[A-Za-z_][\w.-]{0,63}$/, 'must be a label name'),
  z.string().max(256),
);

const template = z
  .string()
  .max(4096)
  .superRefine((text, context) => {
    const problem = templateProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const fields = {
  id: z
    .string()
    .regex(/^[A-Za-z0-9][\w.:-]{0,127}$/, 'must be letters, digits, - _ . : and at most 128 long'),
  severity: z.enum(SEVERITIES),
  fire: thresholdRule,
  clear: thresholdRule.optional(),
  for: durationRule.optional(),
  cooldown: durationRule.optional(),
  noData: z.enum(['keep', 'resolve']).optional(),
  labels: labels.optional(),
  annotations: z.record(z.string().min(1).max(64), template).optional(),
  enabled: z.boolean().optional(),
};

/** Which side of its bound a threshold is true on, and the bound. */
export function sideOf(threshold: Threshold): { up: boolean; bound: number; inclusive: boolean } {
  if ('above' in threshold) return { up: true, bound: threshold.above, inclusive: false };
  if ('atLeast' in threshold) return { up: true, bound: threshold.atLeast, inclusive: true };
  if ('below' in threshold) return { up: false, bound: threshold.below, inclusive: false };
  return { up: false, bound: threshold.atMost, inclusive: true };
}

/** A value that both fires and clears would make the alert change at every evaluation. */
function overlap({ fire, clear }: Pick<RuleFields, 'fire' | 'clear'>): string | undefined {
  if (clear === undefined) return undefined;
  const [on, off] = [sideOf(fire), sideOf(clear)];
  if (on.up === off.up) {
    return `must look the other way than \`fire\`: ${on.up ? 'below or atMost' : 'above or atLeast'}`;
  }
  const apart = on.up ? on.bound - off.bound : off.bound - on.bound;
  if (apart > 0 || (apart === 0 && !(on.inclusive && off.inclusive))) return undefined;
  return 'must not be true for a value that fires';
}

function checkOverlap(rule: Pick<RuleFields, 'fire' | 'clear'>, context: z.RefinementCtx): void {
  const message = overlap(rule);
  if (message !== undefined) context.addIssue({ code: 'custom', path: ['clear'], message });
}

/** A {@link MetricRule}: plain data, so it can come from a file. */
export const metricRuleSchema: z.ZodType<MetricRule> = z
  .strictObject({
    ...fields,
    metric: z.string().min(1).max(256),
    match: labels.optional(),
    source: z.string().min(1).max(128).optional(),
  })
  .superRefine(checkOverlap);

const functionRuleSchema: z.ZodType<FunctionRule> = z
  .strictObject({
    ...fields,
    read: z.custom<FunctionRule['read']>((value) => typeof value === 'function', {
      error: 'must be a function',
    }),
  })
  .superRefine(checkOverlap);

/** A value as an error message shows it. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  if (typeof value === 'function') return 'function';
  if (typeof value === 'object' && value !== null) {
    return (JSON.stringify(value) ?? 'object').slice(0, 60);
  }
  return `${String(value)} (${typeof value})`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (parent, key) =>
      typeof parent === 'object' && parent !== null ? Reflect.get(parent, key) : undefined,
    value,
  );
}

/** What a schema finds wrong, under the name `name`. */
export function problemsOf(schema: z.ZodType, value: unknown, name: string): InputProblem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.map((issue) => ({
    path: [name, ...issue.path].map(String).join('.'),
    rule: issue.message,
    received: shown(at(value, issue.path)),
  }));
}

/** The error for these problems. */
export function invalid(
  code: 'ALERT_OPTION_INVALID' | 'ALERT_RULE_INVALID',
  problems: readonly InputProblem[],
): AlertError {
  const lines = problems.map(
    ({ path, rule, received }) => `${path}: ${rule}; received ${received}`,
  );
  return new AlertError(code, lines.join('\n'), { details: { errors: problems } });
}

/**
 * Checks rules and reports everything that is wrong with them at once.
 * @throws AlertError `ALERT_RULE_INVALID` with `details.errors`, each naming the rule, the field and what was received
 */
export function checkRules(rules: readonly AlertRule[], sources: ReadonlySet<string>): void {
  const seen = new Set<string>();
  const problems = rules.flatMap((rule, index) => {
    const name = `rules.${index}`;
    const isFunction = typeof rule === 'object' && rule !== null && 'read' in rule;
    const found = problemsOf(isFunction ? functionRuleSchema : metricRuleSchema, rule, name);
    if (found.length > 0) return found;
    if (seen.has(rule.id)) {
      found.push({ path: `${name}.id`, rule: 'must be unique', received: shown(rule.id) });
    }
    seen.add(rule.id);
    if (!('read' in rule)) found.push(...sourceProblems(rule, name, sources));
    return found;
  });
  if (problems.length > 0) throw invalid('ALERT_RULE_INVALID', problems);
}

function sourceProblems(
  { source }: MetricRule,
  name: string,
  sources: ReadonlySet<string>,
): InputProblem[] {
  const known = [...sources].join(', ') || 'none';
  if (source === undefined && sources.size === 1) return [];
  if (source !== undefined && sources.has(source)) return [];
  const rule = `must name one of the sources (${known})`;
  return [{ path: `${name}.source`, rule, received: shown(source) }];
}
