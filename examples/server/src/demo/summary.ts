import type { LedgerReport } from './ledger.js';

/** Everything that a run found. */
export interface DemoReport extends LedgerReport {
  readonly total: number;
  /** Messages that were not accepted, with the reason. */
  readonly refused: readonly { text: string; reason: string }[];
  /** Accepted messages whose delivery the server has given up. */
  readonly dead: number;
  /** How the server sees some of the messages that did not arrive. */
  readonly stuck: readonly string[];
}

/** The value that the share `q` of the ascending values does not exceed (nearest rank). */
export function percentile(ascending: readonly number[], q: number): number {
  return ascending[Math.max(0, Math.ceil(q * ascending.length) - 1)] ?? 0;
}

/** What a run did wrong, in words; empty when every message was accepted and arrived exactly once. */
export function failuresOf(report: DemoReport): string[] {
  const checks: [count: number, what: string][] = [
    [report.refused.length, 'not accepted'],
    [
      report.total - report.refused.length - report.accepted,
      'accepted under the id of another message',
    ],
    [report.undelivered.length, 'accepted and not delivered'],
    [report.severalIds.length, 'delivered under several webhook ids'],
    [report.accepted - report.answered - report.undelivered.length, 'delivered without a reply'],
    [report.badSignatures, 'webhooks with a wrong signature'],
    [report.greetedTwice.length, 'sessions greeted more than once'],
  ];
  return checks.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

const EXAMPLES = 5;

function details(report: DemoReport): string[] {
  const refused = report.refused.map(
    ({ text, reason }) => `  not accepted: ${JSON.stringify(text.slice(0, 60))}: ${reason}`,
  );
  const stuck = report.stuck.map((state) => `  not delivered: ${state}`);
  return [...refused.slice(0, EXAMPLES), ...stuck.slice(0, EXAMPLES)];
}

/** The summary as text. */
export function renderSummary(report: DemoReport): string {
  const { latenciesMs } = report;
  const ms = (q: number) => `${percentile(latenciesMs, q)} ms`;
  const rows: [name: string, value: string | number][] = [
    ['messages', report.total],
    ['accepted', report.accepted],
    ['answered', report.answered],
    ['delivered', `${report.delivered} (exactly one webhook id each)`],
    ['retried', report.retried],
    ['duplicates', `${report.duplicates} (same webhook id again)`],
    ['dead', report.dead],
    ['bad signatures', report.badSignatures],
    ['sessions', `${report.sessions}, greeted ${report.greetings}`],
    ['accept to delivery', `p50 ${ms(0.5)}, p95 ${ms(0.95)}, p99 ${ms(0.99)}`],
    ['throughput', `${report.perSecond.toFixed(1)} messages/s`],
  ];
  const categories = Object.entries(report.byCategory);
  const width = Math.max(...[...rows, ...categories].map(([name]) => name.length)) + 2;
  const line = ([name, value]: [string, string | number]) => `  ${name.padEnd(width)}${value}`;
  const failures = failuresOf(report);
  const verdict =
    failures.length === 0
      ? 'Every message was accepted, answered and delivered exactly once; every signature was right.'
      : `FAILED: ${failures.join(', ')}`;
  return [
    ...rows.map(line),
    '',
    'By category',
    ...categories.map(line),
    ...details(report),
    '',
    verdict,
  ].join('\n');
}
