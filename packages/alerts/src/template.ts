import type { Labels, Severity } from './alert.js';

/** What a template can show. */
export interface TemplateContext {
  readonly rule: string;
  readonly severity: Severity;
  readonly value: number | null;
  readonly threshold: number;
  readonly labels: Labels;
}

const PLACE = /\{\{([^{}]*)\}\}/g;
const EXPRESSION =
  /^\s*(rule|severity|value|threshold|labels\.([\w.-]+))\s*(?:\|\s*(percent|round)\s*)?$/;

/** What is wrong with a template, or `undefined`. */
export function templateProblem(template: string): string | undefined {
  for (const [place, inner = ''] of template.matchAll(PLACE)) {
    if (!EXPRESSION.test(inner)) {
      return `has ${place}, which is none of {{value}}, {{threshold}}, {{rule}}, {{severity}}, {{labels.name}}, with |percent or |round`;
    }
  }
  if (/\{\{|\}\}/.test(template.replaceAll(PLACE, '')))
    return 'has {{ or }} without its other half';
  return undefined;
}

function formatted(value: number, filter: string | undefined): string {
  if (filter === 'percent') return `${Number((value * 100).toFixed(1))} %`;
  if (filter === 'round') return String(Math.round(value));
  return String(Number(value.toPrecision(6)));
}

/** Fills in a template. A label that the alert does not have leaves an empty text, a missing value `n/a`. */
export function fillIn(template: string, context: TemplateContext): string {
  return template.replaceAll(PLACE, (_, inner: string) => {
    const [, name = '', label, filter] = EXPRESSION.exec(inner) ?? [];
    if (label !== undefined)
      return Object.hasOwn(context.labels, label) ? (context.labels[label] ?? '') : '';
    const value = context[name as 'rule' | 'severity' | 'value' | 'threshold'];
    if (value === null) return 'n/a';
    return typeof value === 'number' ? formatted(value, filter) : value;
  });
}
