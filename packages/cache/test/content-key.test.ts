import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashOf, hashOfFile, hashOfStream } from '../src/index.js';

const data = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true,
  withUnicodeString: true,
  withSparseArray: true,
});

/** The same value with the keys, entries and items of every object, map and set in the opposite order. */
function turned(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return Array.from(value, turned);
  if (value instanceof Set) return new Set([...value].reverse().map(turned));
  if (value instanceof Map)
    return new Map([...value].reverse().map(([k, v]) => [turned(k), turned(v)]));
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, of]) => [key, turned(of)]));
}

/** The same value in the form in which those that count as equal are equal. */
function normal(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return Array.from(value, normal);
  if (value instanceof Set) return new Set([...value].map(normal));
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [normal(k), normal(v)]));
  const kept = Object.entries(value).filter(([, of]) => of !== undefined);
  // Entries rather than an object, so that a key such as `__proto__` is one as any other.
  return {
    object: kept
      .map(([key, of]) => [key, normal(of)])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
  };
}

describe('hashOf', () => {
  it('is the same whatever the order of keys, entries and items', () => {
    fc.assert(fc.property(data, (value) => hashOf(turned(value)) === hashOf(value)));
  });

  it('is the same for two values exactly when they are equal', () => {
    fc.assert(
      fc.property(data, data, (one, other) => {
        const equal = isDeepStrictEqual(normal(one), normal(other));
        return (hashOf(one) === hashOf(other)) === equal;
      }),
      { numRuns: 500 },
    );
  });

  it('tells kinds of values apart', () => {
    const values = [
      0,
      1,
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      0n,
      1n,
      '',
      '1',
      '1n',
      'NaN',
      'null',
      'u',
      true,
      false,
      null,
      undefined,
      [],
      {},
      [[]],
      [1, 2],
      ['1,2'],
      [undefined],
      [null],
      [[], []],
      { a: 1 },
      { b: 1 },
      { a: '1' },
      { a: { b: 1 } },
      { 'a":1,"b': 1 },
      new Map(),
      new Set(),
      new Map([['a', 1]]),
      new Set([1]),
      new Set(['1']),
      new Date(0),
      new Date(1),
      new Date(Number.NaN),
      '1970-01-01T00:00:00.000Z',
      Buffer.from('a'),
      Buffer.from('b'),
      new Uint16Array([97]),
      new Uint8Array([97]).buffer,
      new URL('https://example.org/'),
      'https://example.org/',
      '\ud800',
      '\udfff',
      '\ufffd',
    ];
    expect(new Set(values.map(hashOf)).size).toBe(values.length);
  });

  it.each([
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{ a: 1, b: undefined }, { a: 1 }],
    [Object.create(null), {}],
    [-0, 0],
    [Buffer.from('a'), new Uint8Array([97])],
    [
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    ],
    [new Set([{ a: 1 }, 2]), new Set([2, { a: 1 }])],
  ])('takes %o and %o for the same', (one, other) => {
    expect(hashOf(one)).toBe(hashOf(other));
  });

  it('takes a part that occurs twice, which is no cycle', () => {
    const part = { a: 1 };
    expect(hashOf([part, part])).toBe(hashOf([{ a: 1 }, { a: 1 }]));
  });

  it('stays the same from one release to the next', () => {
    expect(hashOf({ b: [1, 'x', null], a: new Date(0) })).toBe(
      '10deb114a3dab030550ef58582f4f2c7ed1acf31e4a2b0969d69631aa73b556c',
    );
  });

  class Money {
    amount = 1;
  }
  const cycle: { self?: unknown } = {};
  cycle.self = [cycle];
  let deep: unknown = 1;
  for (let i = 0; i < 10_000; i += 1) deep = [deep];
  it.each([
    [{ list: [1, () => 1] }, '`value.list[1]` to be plain data'],
    [Symbol('s'), 'got a symbol'],
    [
      { money: new Money() },
      '`value.money` to be plain data: text, numbers, booleans, dates, bytes, arrays, objects, maps, sets, got Money',
    ],
    [cycle, '`value.self[0]` to be a value without cycles'],
    [deep, 'at most 500 levels deep'],
    [Promise.resolve(1), 'got Promise'],
    [new Map([['k', Readable.from([])]]), '`value{}` to be plain data'],
    [new Error('x'), 'got Error'],
    [/x/, 'got RegExp'],
    [new WeakMap(), 'got WeakMap'],
    [{ [Symbol('s')]: 1 }, 'without symbols'],
    [Object(1n), 'got BigInt'],
  ])('refuses what has no content: case %#', (value, message) => {
    expect(() => hashOf(value)).toThrow(message);
    expect(() => hashOf(value)).toThrow(expect.objectContaining({ code: 'CACHE_KEY_INVALID' }));
  });
});

describe('hashOfStream and hashOfFile', () => {
  const bytes = Buffer.alloc(300_000, 'content');
  const expected = createHash('sha256').update(bytes).digest('hex');

  it('are the SHA-256 of the bytes, however they are cut', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-key-'));
    const file = join(folder, 'file');
    await writeFile(file, bytes);
    expect(await hashOfFile(file)).toBe(expected);
    expect(await hashOfFile(pathToFileURL(file))).toBe(expected);
    await rm(folder, { recursive: true });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300_000 }), async (size) => {
        async function* pieces(): AsyncGenerator<Buffer> {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        }
        return (await hashOfStream(pieces())) === expected;
      }),
      { numRuns: 20 },
    );
    expect(await hashOfStream(Readable.from(['con', 'tent']))).toBe(
      createHash('sha256').update('content').digest('hex'),
    );
  });

  it('fail as the stream does, and for what is no stream or no file', async () => {
    const failing = new Readable({ read: () => failing.destroy(new Error('cut')) });
    await expect(hashOfStream(failing)).rejects.toThrow('cut');
    for (const source of [undefined, null, 'text', {}, [1]]) {
      await expect(hashOfStream(source as never)).rejects.toMatchObject({
        code: 'CACHE_KEY_INVALID',
      });
    }
    await expect(hashOfStream(Readable.from([1]) as never)).rejects.toThrow('bytes or text');
    await expect(hashOfFile('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
