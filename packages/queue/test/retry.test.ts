import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryAt } from '../src/index.js';
import { backoffMs, resolveRetry } from '../src/retry.js';

describe('backoff', () => {
  it('grows exponentially to its cap, within the jitter', () => {
    const policy = fc.record({
      initial: fc.integer({ min: 0, max: 10_000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      max: fc.integer({ min: 0, max: 1_000_000 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (p, attempt, random) => {
          const wait = backoffMs(resolveRetry('retry', p), attempt, () => random);
          const full = p.initial === 0 ? 0 : Math.min(p.max, p.initial * p.factor ** (attempt - 1));
          expect(wait).toBeLessThanOrEqual(full);
          expect(wait).toBeGreaterThanOrEqual(full * (1 - p.jitter) - 1e-6);
        },
      ),
    );
  });

  it('takes from the queue what the task leaves open', () => {
    const queue = resolveRetry('retry', { attempts: 3, initial: '5s' });
    expect(resolveRetry('retry', { initial: 1 }, queue)).toMatchObject({
      attempts: 3,
      initialMs: 1,
      factor: 2,
    });
  });

  it('refuses a time that makes no sense', () => {
    expect(() => new RetryAt(new Date('soon'))).toThrow('`when` to be a valid date');
    expect(() => new RetryAt('soon' as '1s')).toThrow('`when` to be a duration');
  });
});
