import * as zlib from 'node:zlib';
import { checkKnown, integer, optionInvalid } from '../option-checks.js';
import type { Serializer } from './serializer.js';

/** How bytes are made fewer. */
export type Compression = 'gzip' | 'brotli' | 'zstd';

/** Options of {@link compress}. */
export interface CompressOptions {
  /**
   * `'zstd'` is the fastest and needs Node 22.15 or later, in every process that reads the entries; `'brotli'` gives
   * the fewest bytes and takes the longest.
   * @defaultValue `'gzip'`
   */
  algorithm?: Compression;
  /**
   * Bytes from which a value is compressed: smaller ones gain little.
   * @defaultValue 4,096
   */
  above?: number;
  /**
   * Most bytes that a stored value may grow to when it is read; beyond it the entry is a miss.
   * @defaultValue 256 MiB
   */
  maxBytes?: number;
}

type Transform = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

interface Algorithm {
  /** Begins the bytes of values that were compressed with it. */
  readonly mark: number;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
  readonly decompress: Transform;
}

/** `node:zlib` with what only newer releases have. */
interface Zlib {
  readonly gzipSync: typeof zlib.gzipSync;
  readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (
    bytes: Uint8Array,
    options: { maxOutputLength: number },
  ) => Uint8Array;
}

const PLAIN = 0;
/** The quickest level of gzip gives nearly what the usual one does; so does this one of brotli. */
const GZIP_LEVEL = 1;
const BROTLI_QUALITY = 4;

const gzip: Algorithm = {
  mark: 1,
  compress: (bytes) => zlib.gzipSync(bytes, { level: GZIP_LEVEL }),
  decompress: (bytes, maxOutputLength) => zlib.gunzipSync(bytes, { maxOutputLength }),
};

const brotli: Algorithm = {
  mark: 2,
  compress: (bytes) =>
    zlib.brotliCompressSync(bytes, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  decompress: (bytes, maxOutputLength) => zlib.brotliDecompressSync(bytes, { maxOutputLength }),
};

function zstdOf({ zstdCompressSync, zstdDecompressSync }: Zlib): Algorithm | undefined {
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined;
  return {
    mark: 3,
    compress: (bytes) => zstdCompressSync(bytes),
    decompress: (bytes, maxOutputLength) => zstdDecompressSync(bytes, { maxOutputLength }),
  };
}

const algorithms: Readonly<Record<Compression, Algorithm | undefined>> = {
  gzip,
  brotli,
  zstd: zstdOf(zlib),
};

function algorithmOf(name: Compression): Algorithm {
  const known = typeof name === 'string' && Object.hasOwn(algorithms, name);
  const algorithm = known ? algorithms[name] : undefined;
  if (algorithm !== undefined) return algorithm;
  const rule = known ? "'gzip' or 'brotli' before Node 22.15" : "'gzip', 'brotli' or 'zstd'";
  throw optionInvalid('algorithm', rule, name);
}

/**
 * A serialiser whose larger values are compressed, where that makes them smaller. Values tell how they were
 * compressed, so the algorithm and the size may be changed at any time; entries that were written without `compress`
 * are misses. It is done at once, in the thread that asks: values of megabytes hold it up for tens of milliseconds.
 *
 * @example
 * ```ts
 * createCache({ namespace: 'pages', l2: store, serializer: compress(jsonSerializer, { above: 2_048 }) });
 * ```
 *
 * @throws CacheError `CACHE_OPTION_INVALID`
 */
export function compress(serializer: Serializer, options: CompressOptions = {}): Serializer {
  checkKnown(options, 'options', ['algorithm', 'above', 'maxBytes']);
  if (typeof serializer?.encode !== 'function' || typeof serializer.decode !== 'function') {
    throw optionInvalid('serializer', 'an object with id, encode and decode', serializer);
  }
  const algorithm = algorithmOf(options.algorithm ?? 'gzip');
  const above = integer('above', options.above ?? 4_096, Number.MAX_SAFE_INTEGER, 0);
  const maxBytes = integer('maxBytes', options.maxBytes ?? 256 * 2 ** 20, Number.MAX_SAFE_INTEGER);
  const marks = new Map<number | undefined, Transform>([[PLAIN, (bytes) => bytes]]);
  for (const known of Object.values(algorithms)) {
    if (known !== undefined) marks.set(known.mark, known.decompress);
  }
  return {
    id: `${serializer.id}+z`,
    encode: (value) => {
      const plain = serializer.encode(value);
      const packed = plain.length < above ? plain : algorithm.compress(plain);
      return packed.length < plain.length ? marked(algorithm.mark, packed) : marked(PLAIN, plain);
    },
    decode: (bytes) => {
      const decompress = marks.get(bytes[0]);
      if (decompress === undefined) throw new TypeError('Unknown compression');
      return serializer.decode(decompress(bytes.subarray(1), maxBytes));
    },
  };
}

function marked(mark: number, bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(bytes.length + 1);
  all[0] = mark;
  all.set(bytes, 1);
  return all;
}
