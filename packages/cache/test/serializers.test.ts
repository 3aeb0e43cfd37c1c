import * as msgpack from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Compression,
  compress,
  createCache,
  jsonSerializer,
  memoryStore,
  msgpackSerializer,
  type Serializer,
  v8Serializer,
} from '../src/index.js';

const zstd = Number(process.versions.node.split('.')[0]) >= 24 ? (['zstd'] as const) : [];
const algorithms: readonly Compression[] = ['gzip', 'brotli', ...zstd];
const page = { title: 'page', text: 'all work and no play '.repeat(2_000) };

const serializers: readonly Serializer[] = [
  jsonSerializer,
  v8Serializer,
  msgpackSerializer(msgpack),
  ...algorithms.map((algorithm) => compress(jsonSerializer, { algorithm, above: 16 })),
  compress(v8Serializer),
];

// One of the libraries refuses this key.
const plainData = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));

describe.each(serializers.map((one) => [one.id, one] as const))(
  'serializer %s',
  (_, serializer) => {
    it('gives back what was written', () => {
      fc.assert(
        fc.property(plainData, (value) => {
          const back = serializer.decode(serializer.encode(value));
          expect(JSON.stringify(back)).toBe(JSON.stringify(value));
        }),
      );
      expect(serializer.decode(serializer.encode(page))).toEqual(page);
    });

    it('takes bytes that begin anywhere in a larger buffer', () => {
      const bytes = serializer.encode(page);
      const larger = Buffer.concat([Buffer.alloc(7), bytes, Buffer.alloc(3)]);
      expect(serializer.decode(larger.subarray(7, 7 + bytes.length))).toEqual(page);
    });

    it('makes a miss of damaged bytes, and changes no prototype', async () => {
      const store = memoryStore();
      const cache = createCache({ namespace: 'damage', l1: false, l2: store, serializer });
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (junk) => {
          await cache.set('k', { a: 1 });
          const [read] = await store.getMany('damage', ['k']);
          const whole = read?.bytes ?? new Uint8Array();
          const head = whole.length - serializer.encode({ a: 1 }).length;
          const bytes = Buffer.concat([whole.subarray(0, head), junk]);
          await store.setMany('damage', [{ key: 'k', bytes, ttlMs: 1_000 }]);
          await cache.get('k');
          expect(Object.keys(Object.prototype)).toEqual([]);
        }),
        { numRuns: 50 },
      );
      expect(cache.stats().l2?.foreign).toBeGreaterThan(0);
      await cache.close();
    });
  },
);

describe('v8Serializer', () => {
  it('keeps what JSON does not', () => {
    const value = {
      date: new Date(5),
      map: new Map([['a', 1n]]),
      set: new Set([1]),
      bytes: new Uint8Array([1, 2]),
      nothing: undefined,
    };
    expect(v8Serializer.decode(v8Serializer.encode(value))).toEqual(value);
    expect(() => v8Serializer.encode({ fn: () => 1 })).toThrow();
  });
});

describe('hostile keys', () => {
  it('stay keys of their object', () => {
    const bytes = new TextEncoder().encode('{"__proto__":{"polluted":true},"a":1}');
    const value = jsonSerializer.decode(bytes) as { polluted?: boolean };
    expect([value.polluted, ({} as { polluted?: boolean }).polluted]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe.each(algorithms)('compress with %s', (algorithm) => {
  it('makes large values smaller, and leaves small ones and noise as they are', () => {
    const serializer = compress(jsonSerializer, { algorithm, above: 1_000 });
    const plain = jsonSerializer.encode(page).length;
    expect(serializer.encode(page).length).toBeLessThan(plain / 10);
    expect(serializer.encode('small')).toHaveLength(jsonSerializer.encode('small').length + 1);
    const noise = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * i * 31 + i) % 251));
    const raw: Serializer = { id: 'raw', encode: () => noise, decode: (bytes) => bytes };
    expect(compress(raw, { algorithm }).encode(0).length).toBeLessThanOrEqual(noise.length + 1);
  });

  it('reads what was written with another algorithm or size', () => {
    const written = compress(jsonSerializer, { algorithm, above: 10 }).encode(page);
    expect(compress(jsonSerializer).decode(written)).toEqual(page);
  });

  it('does not let a small entry grow beyond its limit', () => {
    const bomb = compress(jsonSerializer, { algorithm }).encode('0'.repeat(10_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => compress(jsonSerializer, { maxBytes: 1_000_000 }).decode(bomb)).toThrow();
  });
});

describe('a change of format', () => {
  it('is a miss, and counted', async () => {
    const store = memoryStore();
    const formats = [
      { serializer: jsonSerializer },
      { serializer: v8Serializer },
      { serializer: compress(jsonSerializer) },
      { serializer: jsonSerializer, version: '2' },
    ];
    for (const format of formats) {
      const cache = createCache({ namespace: 'format', l1: false, l2: store, ...format });
      const before = await cache.get('k');
      await cache.set('k', page);
      expect([before, await cache.get('k')]).toEqual([undefined, page]);
      expect(cache.stats().l2?.foreign).toBe(format === formats[0] ? 0 : 1);
      await cache.close();
    }
  });
});

describe('options of serialisers', () => {
  it.each([
    [() => compress(jsonSerializer, { algorithm: 'lzma' as never }), 'Expected `algorithm`'],
    [() => compress(jsonSerializer, { algorithm: 'toString' as never }), 'Expected `algorithm`'],
    [() => compress(jsonSerializer, { above: -1 }), 'Expected `above`'],
    [() => compress(jsonSerializer, { above: Number.NaN }), 'Expected `above`'],
    [() => compress(jsonSerializer, { maxBytes: 0 }), 'Expected `maxBytes`'],
    [() => compress(jsonSerializer, { level: 9 } as never), 'Expected `options.level`'],
    [() => compress({} as never), 'Expected `serializer`'],
    [() => msgpackSerializer({} as never), 'Expected `library`'],
  ])('are checked: case %#', (make, message) => {
    expect(make).toThrow(message);
  });
});
