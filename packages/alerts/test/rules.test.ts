import { describe, expect, it } from 'vitest';
import { type AlertRule, createAlerts, isAlertError } from '../src/index.js';

const good = { id: 'good', metric: 'm', severity: 'INFO', fire: { above: 1 } };
const source = { read: () => 1 };

function problems(rules: unknown[], sources: object = { main: source }): string[] {
  try {
    createAlerts({ rules: rules as AlertRule[], sources: sources as { main: typeof source } });
  } catch (error) {
    if (!isAlertError(error)) throw error;
    expect(error.code).toBe('ALERT_RULE_INVALID');
    return error.message.split('\n');
  }
  return [];
}

describe('rules', () => {
  it('takes every form of rule', () => {
    const all = [
      good,
      { ...good, id: 'a', match: { pool: 'x' }, source: 'main', for: '30s', cooldown: 0 },
      { ...good, id: 'b', fire: { atMost: 2 }, clear: { above: 2 }, noData: 'resolve' },
      { ...good, id: 'c', annotations: { summary: '{{value|percent}} of {{labels.pool}}' } },
      { id: 'd', read: async () => 1, severity: 'EMERGENCY', fire: { below: 2 }, enabled: false },
    ];
    expect(problems(all)).toEqual([]);
  });

  it.each([
    [{ ...good, id: 'has space' }, 'rules.0.id: must be letters, digits'],
    [{ ...good, severity: 'BAD' }, 'rules.0.severity: Invalid option'],
    [{ ...good, fire: { above: 'x' } }, 'rules.0.fire: must be one of { above }'],
    [{ ...good, fire: { above: Number.NaN } }, 'rules.0.fire: must be one of { above }'],
    [{ ...good, fire: { above: 1, below: 2 } }, 'rules.0.fire: must be one of { above }'],
    [{ ...good, clear: { above: 0 } }, 'rules.0.clear: must look the other way than `fire`'],
    [{ ...good, clear: { below: 2 } }, 'rules.0.clear: must not be true for a value that fires'],
    [{ ...good, fire: { atLeast: 1 }, clear: { atMost: 1 } }, 'rules.0.clear: must not be true'],
    [{ ...good, for: '5 minutes' }, 'rules.0.for: must be a duration'],
    [{ ...good, for: -1 }, 'rules.0.for: must be a duration'],
    [{ ...good, cooldown: {} }, 'rules.0.cooldown: must be a duration'],
    [{ ...good, labels: { 'a b': 'x' } }, 'rules.0.labels'],
    [
      { ...good, annotations: { summary: '{{nope}}' } },
      'rules.0.annotations.summary: has {{nope}}',
    ],
    [{ ...good, annotations: { s: 'half {{value' } }, 'rules.0.annotations.s: has {{ or }}'],
    [{ ...good, unknown: 1 }, 'Unrecognized key: "unknown"'],
    [{ ...good, source: 'other' }, 'rules.0.source: must name one of the sources (main)'],
    [{ ...good, read: 1, metric: undefined }, 'rules.0'],
    [null, 'rules.0: Invalid input: expected object'],
  ])('refuses %j and says why', (rule, message) => {
    expect(problems([rule]).join('\n')).toContain(message);
  });

  it('reports everything that is wrong at once', () => {
    const found = problems([
      { ...good, severity: 'BAD', for: 'x' },
      good,
      good,
      { ...good, id: 'z', fire: {} },
    ]);
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'rules.0.severity',
      'rules.0.for',
      'rules.2.id',
      'rules.3.fire',
    ]);
  });

  it('says what was received', () => {
    expect(problems([{ ...good, for: 'soon' }])[0]).toContain('; received "soon"');
  });

  it('needs a source for a metric', () => {
    expect(problems([good], {})).toEqual([
      'rules.0.source: must name one of the sources (none); received undefined (undefined)',
    ]);
  });

  it('refuses wrong options by name', () => {
    const options = { rules: [], interval: 1, nope: true, retry: { attempts: 0 } };
    expect(() => createAlerts(options as never)).toThrow(
      /options.interval: must be at least 10 ms.*options.retry.attempts.*nope/s,
    );
  });
});
