import type { Severity } from './alert.js';
import { durationMs } from './duration.js';
import type { RuleLogic } from './reducer.js';
import type { AlertRule, MetricSource, ReadContext, Reading, Threshold } from './rule.js';
import { sideOf } from './rule-schema.js';
import { fillIn } from './template.js';

const DEFAULT_COOLDOWN = '5m';

/** A rule that has been checked, ready to run. */
export interface CompiledRule {
  readonly id: string;
  readonly severity: Severity;
  readonly rule: AlertRule;
  readonly logic: RuleLogic;
  readonly labels: Readonly<Record<string, string>>;
  read(context: ReadContext): Reading | Promise<Reading>;
  annotations(
    value: number | null,
    labels: Readonly<Record<string, string>>,
  ): Record<string, string>;
}

function test(threshold: Threshold): (value: number) => boolean {
  const { up, bound, inclusive } = sideOf(threshold);
  if (up) return inclusive ? (value) => value >= bound : (value) => value > bound;
  return inclusive ? (value) => value <= bound : (value) => value < bound;
}

function reader(
  rule: AlertRule,
  sources: Readonly<Record<string, MetricSource>>,
): CompiledRule['read'] {
  if ('read' in rule) return (context) => rule.read(context);
  const source = rule.source === undefined ? Object.values(sources)[0] : sources[rule.source];
  return () => source?.read(rule.metric, rule.match);
}

/** Makes a rule, checked before, ready to run. */
export function compileRule(
  rule: AlertRule,
  sources: Readonly<Record<string, MetricSource>>,
): CompiledRule {
  const { id, severity, fire, clear } = rule;
  const fires = test(fire);
  const threshold = sideOf(fire).bound;
  const templates = Object.entries(rule.annotations ?? {});
  return {
    id,
    severity,
    rule,
    labels: rule.labels ?? {},
    read: reader(rule, sources),
    logic: {
      fires,
      clears: clear === undefined ? (value) => !fires(value) : test(clear),
      forMs: durationMs(rule.for ?? 0),
      cooldownMs: durationMs(rule.cooldown ?? DEFAULT_COOLDOWN),
      noData: rule.noData ?? 'keep',
    },
    annotations: (value, labels) =>
      Object.fromEntries(
        templates.map(([name, text]) => [
          name,
          fillIn(text, { rule: id, severity, value, threshold, labels }),
        ]),
      ),
  };
}
