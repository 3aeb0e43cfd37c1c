import { isAscii, isUtf8 } from 'node:buffer';
import type { Serializer } from './serializer.js';

const textEncoder = new TextEncoder();

/**
 * JSON: readable by other tools. What JSON changes is changed (a `Date` comes back as a string, a `Map` as `{}`);
 * what it refuses (`bigint`, cycles, functions) stays out of L2.
 */
export const jsonSerializer: Serializer = {
  id: 'json',
  encode: (value) => {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`JSON has no form for a ${typeof value}`);
    return textEncoder.encode(text);
  },
  decode: (bytes) => JSON.parse(textOf(bytes)),
};

/** A strict `TextDecoder` of UTF-8, at a fraction of its cost for short texts. */
function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isAscii(buffer)) return buffer.toString('latin1');
  if (!isUtf8(buffer)) throw new TypeError('Expected UTF-8');
  return buffer.toString('utf8');
}
