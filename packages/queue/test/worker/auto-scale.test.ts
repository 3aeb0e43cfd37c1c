import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWorker } from '../../src/index.js';
import { AutoScale, type ScaleSample } from '../../src/worker/auto-scale.js';
import { after, closed, setUp, task } from './support.js';

const many = (count: number) => Array.from({ length: count }, (_, payload) => ({ task, payload }));
const range = fc
  .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 500 }))
  .map(([min, more]) => ({ min, max: min + more }));

/** What is seen of handlers that each take 100 ms, of which at most `useful` get anything done together. */
function seen(limit: number, useful: number): ScaleSample {
  const ended = Math.round((Math.min(limit, useful) * 500) / 100);
  return { elapsedMs: 500, ended, peak: limit, starved: true };
}

describe('a worker with a range of concurrency', () => {
  it('grows while tasks wait and shrinks again', async () => {
    let [running, most] = [0, 0];
    const { clock, queue, worker } = await setUp(
      async () => {
        most = Math.max(most, ++running);
        await after(clock, 100);
        running--;
      },
      { concurrency: { min: 2, max: 40 } },
    );
    await queue.enqueueMany(many(3_000));
    await clock.advance(20_000);
    expect(queue.stats().completed).toBe(3_000);
    expect(most).toBe(40);
    await clock.advance(30_000);
    expect(worker.stats().concurrency).toBe(2);
    await closed(worker, clock);
  });

  it('stays small when nothing waits', async () => {
    const { clock, queue, worker } = await setUp(() => after(clock, 50), {
      concurrency: { min: 3, max: 100 },
    });
    for (let round = 0; round < 50; round++) {
      await queue.enqueueMany(many(2));
      await clock.advance(100);
    }
    expect(worker.stats().concurrency).toBe(3);
    await closed(worker, clock);
  });

  it('is refused with bounds that make no sense', async () => {
    const { queue, worker, clock } = await setUp(() => undefined);
    for (const concurrency of [
      { min: 0, max: 5 },
      { min: 6, max: 5 },
      { min: 1, max: 10_001 },
      { min: 1 },
      { min: 1, max: 2, start: 1 },
    ]) {
      const make = () => createWorker(queue, [], { concurrency: concurrency as never });
      expect(make).toThrow('`options.concurrency.');
    }
    await closed(worker, clock);
  });
});

describe('the scale', () => {
  it('never leaves its bounds', () => {
    const sample = fc.record({
      elapsedMs: fc.integer({ min: 1, max: 5_000 }),
      ended: fc.nat(10_000),
      peak: fc.nat(600),
      starved: fc.boolean(),
    });
    fc.assert(
      fc.property(range, fc.array(sample), (bounds, samples) => {
        const scale = new AutoScale(bounds);
        for (const each of samples) {
          const limit = scale.next(each);
          expect(limit).toBeGreaterThanOrEqual(bounds.min);
          expect(limit).toBeLessThanOrEqual(bounds.max);
        }
      }),
    );
  });

  it('reaches the top where every slot gets more done, and comes down when they are empty', () => {
    fc.assert(
      fc.property(range, (bounds) => {
        const scale = new AutoScale(bounds);
        for (let look = 0; look < 200; look++) scale.next(seen(scale.limit, 10_000));
        expect(scale.limit).toBe(bounds.max);
        for (let look = 0; look < 200; look++)
          scale.next({ elapsedMs: 500, ended: 0, peak: 0, starved: false });
        expect(scale.limit).toBe(bounds.min);
      }),
    );
  });

  it('stays near what is useful where more slots get nothing more done', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 100 }), (useful) => {
        const scale = new AutoScale({ min: 2, max: 1_000 });
        let total = 0;
        for (let look = 0; look < 400; look++) {
          scale.next(seen(scale.limit, useful));
          if (look >= 200) total += scale.limit;
        }
        expect(total / 200).toBeLessThanOrEqual(useful * 1.75);
        expect(total / 200).toBeGreaterThanOrEqual(useful * 0.9);
      }),
    );
  });
});
