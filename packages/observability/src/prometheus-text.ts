import type { Attributes } from '@opentelemetry/api';
import {
  type CollectionResult,
  DataPointType,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics';

/** Content type of the text that `prometheusText` makes: Prometheus text exposition format 0.0.4. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The attribute under which the SDK gathers series beyond the limit. */
const OVERFLOW = 'otel.metric.overflow';

type Labels = readonly (readonly [name: string, value: string])[];
type FamilyType = 'counter' | 'gauge' | 'histogram';

interface Family {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  /** Value by its series; a second value for one series is added where that makes sense, else it replaces the first. */
  readonly lines: Map<string, string>;
}

/** What the rendering came across. */
export interface Exposition {
  readonly text: string;
  /** Metrics that have more series than the limit; what came after is in the series whose labels are all `other`. */
  readonly overflowed: readonly string[];
  /** Metrics left out because another of the same name has another type. */
  readonly conflicting: readonly string[];
}

/**
 * Collected metrics in text format 0.0.4. Names stay as they were given (characters that Prometheus forbids become
 * `_`): no unit and no `_total` is added, so what the code says is what the query says.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function renderPrometheus(collected: CollectionResult): Exposition {
  const families = new Map<string, Family>();
  const overflowed: string[] = [];
  const conflicting: string[] = [];
  for (const scope of collected.resourceMetrics.scopeMetrics) {
    for (const metric of scope.metrics) {
      const type = familyType(metric);
      if (type === undefined || metric.dataPoints.length === 0) continue;
      const name = metricName(metric.descriptor.name);
      const family = families.get(name) ?? newFamily(name, type, metric.descriptor.description);
      families.set(name, family);
      if (family.type !== type) conflicting.push(name);
      else if (addPoints(family, metric)) overflowed.push(name);
    }
  }
  const text = [...families.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((family) => renderFamily(family))
    .join('');
  return { text, overflowed, conflicting };
}

function newFamily(name: string, type: FamilyType, help: string): Family {
  return { name, type, help, lines: new Map() };
}

function familyType(metric: MetricData): FamilyType | undefined {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? 'counter' : 'gauge';
    case DataPointType.GAUGE:
      return 'gauge';
    case DataPointType.HISTOGRAM:
      return 'histogram';
    default:
      return undefined; // an exponential histogram has no form in this text format
  }
}

/** Adds a metric's points to its family. Returns whether the metric is over its limit of series. */
function addPoints(family: Family, metric: MetricData): boolean {
  const names = labelNames(metric);
  let overflowed = false;
  const labels = (attributes: Attributes): Labels => {
    if (attributes[OVERFLOW] !== true) return labelsOf(attributes);
    overflowed = true;
    return names.map((name) => [name, 'other']);
  };
  if (metric.dataPointType === DataPointType.HISTOGRAM) {
    for (const point of metric.dataPoints) {
      addHistogram(family, labels(point.attributes), point.value);
    }
  } else if (metric.dataPointType !== DataPointType.EXPONENTIAL_HISTOGRAM) {
    for (const point of metric.dataPoints) {
      addSample(family, family.name, labels(point.attributes), point.value);
    }
  }
  return overflowed;
}

/** Every label name of a metric, so that the overflow series has the same labels as the others. */
function labelNames(metric: MetricData): string[] {
  const names = new Set<string>();
  for (const { attributes } of metric.dataPoints) {
    if (attributes[OVERFLOW] === true) continue;
    for (const [name] of labelsOf(attributes)) names.add(name);
  }
  return names.size === 0 ? ['overflow'] : [...names].sort();
}

function addHistogram(family: Family, labels: Labels, value: Histogram): void {
  const { boundaries, counts } = value.buckets;
  let cumulative = 0;
  counts.forEach((count, index) => {
    cumulative += count;
    const bound = boundaries[index] ?? Number.POSITIVE_INFINITY;
    addSample(family, `${family.name}_bucket`, [...labels, ['le', numberText(bound)]], cumulative);
  });
  addSample(family, `${family.name}_sum`, labels, value.sum ?? 0);
  addSample(family, `${family.name}_count`, labels, value.count);
}

function addSample(family: Family, name: string, labels: Labels, value: number): void {
  const text = labels.map(([label, content]) => `${label}="${escapeLabel(content)}"`).join(',');
  const series = text === '' ? name : `${name}{${text}}`;
  // two meters may count into one series: counts add up, of two gauges the later one stands
  const before = family.type === 'gauge' ? undefined : family.lines.get(series);
  family.lines.set(series, numberText(before === undefined ? value : Number(before) + value));
}

function renderFamily(family: Family): string {
  const lines = [
    ...(family.help === '' ? [] : [`# HELP ${family.name} ${escapeHelp(family.help)}`]),
    `# TYPE ${family.name} ${family.type}`,
  ];
  for (const [series, value] of family.lines) lines.push(`${series} ${value}`);
  return `${lines.join('\n')}\n`;
}

function labelsOf(attributes: Attributes): Labels {
  const values = new Map<string, string>();
  for (const key of Object.keys(attributes).sort()) {
    const name = labelName(key);
    const before = values.get(name);
    const value = String(attributes[key]);
    values.set(name, before === undefined ? value : `${before};${value}`);
  }
  return [...values];
}

function metricName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_:]/g, '_');
  return /^[0-9]/.test(clean) ? `_${clean}` : clean;
}

function labelName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^[0-9]/.test(clean) || clean === '' ? `_${clean}` : clean;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

function escapeHelp(value: string): string {
  return value.replace(/[\\\n]/g, (char) => (char === '\n' ? '\\n' : '\\\\'));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
