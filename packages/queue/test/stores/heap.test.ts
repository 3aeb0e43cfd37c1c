import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Heap } from '../../src/stores/heap.js';

it('gives the least first, whatever comes in between, in order or not', () => {
  const step = fc.oneof(fc.nat(1_000), fc.constant('pop' as const), fc.constant('rise' as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_000, size: 'max' }), (steps) => {
      const heap = new Heap<number>((a, b) => a < b);
      const model: number[] = [];
      let risen = 0;
      for (const each of steps) {
        if (each === 'pop') {
          model.sort((a, b) => a - b);
          expect(heap.peek()).toBe(model[0]);
          expect(heap.pop()).toBe(model.shift());
        } else {
          const value = each === 'rise' ? ++risen : each;
          heap.push(value);
          model.push(value);
        }
        expect(heap.size).toBe(model.length);
      }
      expect([...heap].sort((a, b) => a - b)).toEqual(model.sort((a, b) => a - b));
    }),
    { numRuns: 50 },
  );
});

it('keeps its order over many thousands that come in order', () => {
  const heap = new Heap<number>((a, b) => a < b);
  for (let i = 0; i < 20_000; i++) {
    heap.push(i);
    if (i % 3 === 0) heap.push(i - 500);
  }
  let last = Number.NEGATIVE_INFINITY;
  for (let value = heap.pop(); value !== undefined; value = heap.pop()) {
    expect(value).toBeGreaterThanOrEqual(last);
    last = value;
  }
  expect(heap.size).toBe(0);
});
