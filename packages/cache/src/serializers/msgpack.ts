import { optionInvalid } from '../option-checks.js';
import type { Serializer } from './serializer.js';

/** What is used of a MessagePack library: `@msgpack/msgpack` and `msgpackr` fit as they are. */
export interface MessagePack {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/**
 * MessagePack, through a library of yours. What it keeps and what it refuses is the library's choice.
 *
 * @example
 * ```ts
 * import * as msgpack from '@msgpack/msgpack';
 * const cache = createCache({ namespace: 'app', l2: store, serializer: msgpackSerializer(msgpack) });
 * ```
 *
 * @throws CacheError `CACHE_OPTION_INVALID`
 */
export function msgpackSerializer(library: MessagePack): Serializer {
  if (typeof library?.encode !== 'function' || typeof library.decode !== 'function') {
    throw optionInvalid('library', 'a MessagePack library with encode and decode', library);
  }
  return {
    id: 'msgpack',
    encode: (value) => library.encode(value),
    decode: (bytes) => library.decode(bytes),
  };
}
