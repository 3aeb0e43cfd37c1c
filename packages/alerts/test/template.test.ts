import { describe, expect, it } from 'vitest';
import { fillIn } from '../src/template.js';

describe('fillIn', () => {
  const context = {
    ...{ rule: 'pool', severity: 'INFO' as const, value: 0.9512345678, threshold: 0.9 },
    labels: { pool: 'main', 'a.b': 'dotted' },
  };
  it.each([
    ['{{rule}} {{severity}}: {{value}} > {{threshold}}', 'pool INFO: 0.951235 > 0.9'],
    ['{{ value | percent }}, {{value|round}}', '95.1 %, 1'],
    ['{{labels.pool}} {{labels.a.b}}[{{labels.none}}]', 'main dotted[]'],
    ['{{labels.constructor}}', ''],
    ['$& $1 plain', '$& $1 plain'],
  ])('fills in %s', (template, text) => {
    expect(fillIn(template, context)).toBe(text);
  });

  it('says n/a without a value, and does not fill in what labels hold', () => {
    expect(fillIn('{{value|percent}}', { ...context, value: null })).toBe('n/a');
    expect(fillIn('{{labels.x}}', { ...context, labels: { x: '{{value}} $&' } })).toBe(
      '{{value}} $&',
    );
  });
});
