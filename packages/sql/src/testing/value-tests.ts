import type { Suite } from './suite.js';

/** SQL expression, and the JavaScript value that it reads as. */
const READ: readonly [string, unknown][] = [
  ['1::int2', 1],
  ['(-2147483648)::int4', -2147483648],
  ['9007199254740991::int8', 9007199254740991],
  ['9007199254740993::int8', 9007199254740993n],
  ['1.5::float4', 1.5],
  ["'NaN'::float8", Number.NaN],
  ["'-Infinity'::float8", Number.NEGATIVE_INFINITY],
  ['12345678901234567890.123::numeric', '12345678901234567890.123'],
  ['true', true],
  ['false', false],
  ['NULL::int', null],
  ["'zażółć 🐘'::text", 'zażółć 🐘'],
  ["''::text", ''],
  ["'ab'::char(4)", 'ab  '],
  ["'6b0ba2d5-7d3d-4f0e-9e0c-5d6f4e3c2b1a'::uuid", '6b0ba2d5-7d3d-4f0e-9e0c-5d6f4e3c2b1a'],
  ["'2024-02-29'::date", '2024-02-29'],
  ["'13:14:15.5'::time", '13:14:15.5'],
  ["'1 day 02:03:04'::interval", '1 day 02:03:04'],
  ["'2024-02-29 12:30:45.678912+02'::timestamptz", new Date('2024-02-29T10:30:45.678Z')],
  ["'2024-02-29 12:30:45'::timestamp", new Date('2024-02-29T12:30:45Z')],
  ["'0044-03-15 12:00:00+00 BC'::timestamptz", new Date('-000043-03-15T12:00:00Z')],
  ["'0001-01-01 00:00:00+00'::timestamptz", new Date('0001-01-01T00:00:00Z')],
  ["'12024-01-01 00:00:00+00'::timestamptz", new Date('+012024-01-01T00:00:00Z')],
  ["'1969-12-31 23:59:59.999+00'::timestamptz", new Date(-1)],
  ["'infinity'::timestamptz", new Date(8.64e15)],
  [`'{"a": [1, null, "x"]}'::jsonb`, { a: [1, null, 'x'] }],
  ["'null'::jsonb", null],
  [`'"text"'::json`, 'text'],
  ["'\\x00ff10'::bytea", new Uint8Array([0, 255, 16])],
  ["''::bytea", new Uint8Array([])],
  ["'{}'::int[]", []],
  ["'{1,NULL,3}'::int[]", [1, null, 3]],
  [
    "'{{1,2},{3,4}}'::int[]",
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ["'[0:1]={5,6}'::int[]", [5, 6]],
  ["'{9007199254740993,1}'::int8[]", [9007199254740993n, 1]],
  [
    `'{a,"b c","d\\"e","f\\\\g",NULL,"NULL",""}'::text[]`,
    ['a', 'b c', 'd"e', 'f\\g', null, 'NULL', ''],
  ],
  ['ARRAY[true, false]', [true, false]],
  ['ARRAY[\'{"a": 1}\'::jsonb]', [{ a: 1 }]],
  ["ARRAY['\\x01ff'::bytea]", [new Uint8Array([1, 255])]],
  ["ARRAY['2024-01-01 00:00:00+00'::timestamptz]", [new Date('2024-01-01T00:00:00Z')]],
  ["ARRAY['1 day'::interval]", ['1 day']],
];

/** Type, and a value that comes back as it was given. */
const ROUND_TRIP: readonly [string, unknown][] = [
  ['int', 42],
  ['int8', 9223372036854775807n],
  ['float8', 0.1],
  ['float8', 5e-324],
  ['numeric', '0.10'],
  ['bool', true],
  ['text', '"quoted" \\ back\nline {} , NULL'],
  ['timestamptz', new Date('2024-06-01T12:34:56.789Z')],
  ['timestamp', new Date('2024-06-01T12:34:56.789Z')],
  ['timestamptz', new Date('-000100-01-01T00:00:00.000Z')],
  ['timestamptz', new Date('+012345-06-07T00:00:00.000Z')],
  ['bytea', new Uint8Array([0, 1, 254, 255])],
  ['int[]', [1, null, 3]],
  ['text[]', ['', 'a,b', '{}', '"', '\\', 'NULL', null, 'é 🐘', ' space ']],
  ['text[]', []],
  [
    'text[]',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  ['timestamptz[]', [new Date('2024-06-01T12:34:56.789Z'), null]],
  ['bytea[]', [new Uint8Array([0, 92, 34])]],
  ['bool[]', [true, false, null]],
  ['int8[]', [9223372036854775807n, 1]],
];

/** JavaScript types of values, both ways. */
export function valueTests({ describe, it, expect, db }: Suite): void {
  describe('values', () => {
    it('reads each SQL type as the documented JavaScript type', async () => {
      for (const [expression, expected] of READ) {
        const { rows } = await db().query(
          `SELECT ${expression} AS value, '${expression.replaceAll("'", "''")}' AS of`,
        );
        expect(rows[0]).toEqual({ value: expected, of: expression });
      }
    });

    it('gives bytes as a plain Uint8Array', async () => {
      const { rows } = await db().query("SELECT '\\x01'::bytea AS bytes");
      expect(Object.getPrototypeOf(rows[0]?.bytes)).toBe(Uint8Array.prototype);
    });

    it('returns values as they were given', async () => {
      for (const [type, value] of ROUND_TRIP) {
        const { rows } = await db().query(`SELECT $1::${type} AS value, '${type}' AS type`, [
          value,
        ]);
        expect(rows[0]).toEqual({ value, type });
      }
    });

    it('takes undefined for null and JSON as text', async () => {
      const { rows } = await db().query('SELECT $1::int AS nothing, $2::jsonb AS object', [
        undefined,
        JSON.stringify({ a: [1, 'x'] }),
      ]);
      expect(rows).toEqual([{ nothing: null, object: { a: [1, 'x'] } }]);
    });

    it('takes a part of a larger buffer for just that part', async () => {
      const part = new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3);
      const { rows } = await db().query('SELECT $1::bytea AS part', [part]);
      expect(rows).toEqual([{ part: new Uint8Array([2, 3]) }]);
    });
  });
}
