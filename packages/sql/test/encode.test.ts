import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoderOf } from '../src/decode.js';
import { encodeValues } from '../src/encode.js';

const TEXT_ARRAY = 1009;
const TIMESTAMPTZ = 1184;

describe('the text format', () => {
  it('keeps every array of texts, however deep and whatever is in them', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('NULL', '', '{}', '"', '\\', ',', ' '));
    const items = fc.array(fc.option(text), { minLength: 1, maxLength: 5 });
    const { array } = fc.letrec((tie) => ({
      array: fc.oneof(
        { maxDepth: 3 },
        items,
        fc.array(tie('array'), { minLength: 1, maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(array, (value) => {
        expect(decoderOf(TEXT_ARRAY)(String(encodeValues([value])[0]))).toEqual(value);
      }),
    );
  });

  it('keeps every Date that Postgres has room for', () => {
    const first = new Date('-004712-01-01T00:00:00Z');
    fc.assert(
      fc.property(fc.date({ min: first, noInvalidDate: true }), (date) => {
        const text = String(encodeValues([date])[0]);
        // Postgres answers with a space, an offset and the era in the end.
        const answer = text.replace('T', ' ').replace('Z', '+00');
        expect(decoderOf(TIMESTAMPTZ)(answer)).toEqual(date);
      }),
    );
  });

  it('names the parameter that it cannot take', () => {
    expect(() => encodeValues([1, { a: 1 }])).toThrow(/\$2 .*JSON\.stringify/);
    expect(() => encodeValues([Symbol('x')])).toThrow(/\$1 .*symbol/);
    expect(() => encodeValues([[[{}]]])).toThrow(/\$1 /);
  });
});
