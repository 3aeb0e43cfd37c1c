import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../src/canonical-json.js';
import { isCheckpointError } from '../src/errors.js';
import { joinState, type SplitState, splitState } from '../src/segments.js';

const MAX = 64 * 1024 * 1024;
const split = (state: unknown) => splitState(state, MAX);
const join = ({ manifest, segments }: SplitState) =>
  joinState(
    manifest,
    segments.map(({ body }) => body),
  );

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return isCheckpointError(error) ? `${error.code} ${error.message}` : String(error);
  }
  return 'no error';
}

/** States large enough to be divided on several levels. */
const largeState = fc
  .record({ json: fc.jsonValue({ maxDepth: 4 }), copies: fc.integer({ min: 1, max: 400 }) })
  .map(({ json, copies }) => ({
    list: Array.from({ length: copies }, (_, id) => ({ id, json, pad: 'x'.repeat(id % 97) })),
    map: Object.fromEntries(Array.from({ length: copies }, (_, id) => [`key ${id}`, [json, id]])),
    json,
  }));

describe('splitState', () => {
  it('gives back any JSON state, deeply equal', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (state) => {
        // As JSON has it: -0 is 0.
        expect(join(split(state))).toEqual(JSON.parse(JSON.stringify(state)));
      }),
    );
  });

  it('gives back large states, and their size is that of the canonical JSON', () => {
    fc.assert(
      fc.property(largeState, (state) => {
        const parts = split(state);
        expect(join(parts)).toEqual(JSON.parse(JSON.stringify(state)));
        expect(parts.size).toBe(Buffer.byteLength(canonicalJson(state)));
      }),
      { numRuns: 30 },
    );
  });

  it('makes the same parts of equal states, whatever the order of their keys', () => {
    fc.assert(
      fc.property(largeState, (state) => {
        const reversed = Object.fromEntries(Object.entries(state).reverse());
        expect(split(reversed)).toEqual(split(state));
      }),
      { numRuns: 20 },
    );
  });

  it('changes few parts when one item of a long list is inserted, changed or appended', () => {
    const list = Array.from({ length: 5_000 }, (_, id) => ({ id, text: `message ${id * 7919}` }));
    const before = new Set(split({ list }).segments.map(({ hash }) => hash));
    const changed = [
      list.with(2_500, { id: 2_500, text: 'edited' }),
      list.toSpliced(1_234, 0, { id: -1, text: 'inserted' }),
      list.toSpliced(100, 1),
      [...list, { id: 5_000, text: 'appended' }],
    ];
    expect(before.size).toBeGreaterThan(8);
    for (const next of changed) {
      const fresh = split({ list: next }).segments.filter(({ hash }) => !before.has(hash));
      expect(fresh.length).toBeLessThanOrEqual(2);
    }
  });

  it('keeps dangerous and odd keys as ordinary keys', () => {
    const state: unknown = JSON.parse('{"__proto__":{"x":1},"constructor":2,"":3,"\\u0000":4}');
    const back = join(split(state)) as object;
    expect(Object.keys(back).sort()).toEqual(['', '\u0000', '__proto__', 'constructor']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
  });

  it('leaves out undefined properties, as JSON does', () => {
    expect(join(split({ a: 1, b: undefined }))).toEqual({ a: 1 });
  });

  it.each([
    ['a Date', { when: [new Date(0)] }, '$.when[0] must be JSON, got an instance of Date'],
    ['a Map', { 'odd key': new Map() }, '$["odd key"] must be JSON, got an instance of Map'],
    ['NaN', [1, Number.NaN], '$[1] must be JSON, got NaN'],
    ['a bigint', 1n, '$ must be JSON, got bigint'],
    ['a function', { f() {} }, '$.f must be JSON, got function'],
    ['undefined', undefined, '$ must be JSON, got undefined'],
    ['a hole', new Array(1), '$[0] must be JSON, got undefined'],
  ])('refuses %s and says where it is', (_, state, message) => {
    expect(codeOf(() => split(state))).toBe(`CHECKPOINT_STATE_INVALID State at ${message}`);
  });

  it('refuses what holds itself, and what is too large', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(codeOf(() => split(loop))).toContain(
      'is nested deeper than 1000 levels, or holds itself',
    );
    expect(codeOf(() => splitState('x'.repeat(100), 50))).toContain('at most 50 bytes');
  });
});
