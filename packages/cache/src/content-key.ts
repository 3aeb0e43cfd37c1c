import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { isAnyArrayBuffer, isBoxedPrimitive, isPromise, isProxy } from 'node:util/types';
import { CacheError } from './errors.js';

/** Deeper than data is; far from what a stack holds. */
const MAX_DEPTH = 500;

/**
 * The SHA-256 of a value, as 64 hexadecimal digits: a key for what depends on nothing but that value.
 *
 * Equal values have equal keys, whatever the order of an object's keys, of a `Map`'s entries or of a `Set`'s items. A
 * property that is `undefined` counts as absent, `-0` as 0. Values of different kinds have different keys: `1` and
 * `'1'`, `1n` and `1`, a `Date` and its text, `[]` and `{}`. Bytes count by their content and kind of array.
 *
 * @example
 * ```ts
 * const summary = cache.wrap(summarise, { key: (...args) => hashOf(args) });
 * ```
 *
 * @throws CacheError `CACHE_KEY_INVALID` for what has no content of its own, with its place: functions, symbols,
 * instances of classes, promises, streams (see {@link hashOfStream}), cycles, more than 500 levels
 */
export function hashOf(value: unknown): string {
  return sha256(textOf(value, { path: 'value', ancestors: new Set() }));
}

/**
 * The SHA-256 of what a stream gives, as 64 hexadecimal digits: that of the same bytes in a file. Rejects with the
 * stream's error.
 *
 * @throws CacheError `CACHE_KEY_INVALID` for what is not a stream, or gives other things than bytes or text
 */
export async function hashOfStream(source: AsyncIterable<Uint8Array | string>): Promise<string> {
  const given: Partial<AsyncIterable<unknown>> | null | undefined = source;
  if (typeof given?.[Symbol.asyncIterator] !== 'function') {
    throw invalid('source', 'a stream or another async iterable of bytes', source);
  }
  const hash = createHash('sha256');
  for await (const piece of source) {
    if (typeof piece !== 'string' && !(piece instanceof Uint8Array)) {
      throw invalid('source', 'a stream of bytes or text', piece);
    }
    hash.update(piece);
  }
  return hash.digest('hex');
}

/**
 * The SHA-256 of a file's bytes, as 64 hexadecimal digits, read in pieces.
 *
 * @param path - a path or a `file:` URL
 * @throws what node:fs says of a file that cannot be read
 */
export async function hashOfFile(path: string | URL): Promise<string> {
  return hashOfStream(createReadStream(path));
}

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** Where in the value a part of it is. */
interface Place {
  readonly path: string;
  readonly ancestors: Set<object>;
}

/** A text that only equal values share: each kind begins with a sign of its own, and every part tells its end. */
function textOf(value: unknown, place: Place): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return `${value === 0 ? 0 : value}`;
    case 'bigint':
      return `${value}n`;
    case 'boolean':
      return value ? 't' : 'f';
    case 'undefined':
      return 'u';
    case 'object':
      return value === null ? 'z' : textOfObject(value, place);
    default:
      throw noContent(place.path, value);
  }
}

function textOfObject(value: object, place: Place): string {
  if (value instanceof Date) return `D${value.getTime()};`;
  if (value instanceof URL) return `U${JSON.stringify(value.href)}`;
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return textOfBytes(value);
  const { path, ancestors } = place;
  if (ancestors.has(value)) throw invalid(path, 'a value without cycles', 'one of its ancestors');
  if (ancestors.size >= MAX_DEPTH) throw invalid(path, `at most ${MAX_DEPTH} levels deep`, 'more');
  ancestors.add(value);
  const text = textOfContainer(value, place);
  ancestors.delete(value);
  return text;
}

/** Hashed by themselves, so that large ones are never text. */
function textOfBytes(value: ArrayBufferView | ArrayBufferLike): string {
  const kind = Object.prototype.toString.call(value);
  const bytes = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
  return `B${kind}${sha256(bytes)}`;
}

function textOfContainer(value: object, place: Place): string {
  const { path } = place;
  const part = (of: unknown, name: string): string =>
    textOf(of, { ...place, path: `${path}${name}` });
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item, i) => part(item, `[${i}]`)).join()}]`;
  }
  if (value instanceof Set)
    return `S{${[...value]
      .map((item) => part(item, '{}'))
      .sort()
      .join()}}`;
  if (value instanceof Map) {
    const entries = [...value].map(([key, of]) => `${part(key, '{}')}:${part(of, '{}')}`);
    return `M{${entries.sort().join()}}`;
  }
  if (!isPlain(value)) throw noContent(path, value);
  const own = value as Record<string, unknown>;
  if (Object.getOwnPropertySymbols(own).length > 0) {
    throw invalid(path, 'an object without symbols as keys', 'one');
  }
  const entries = Object.keys(own)
    .filter((key) => own[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${part(own[key], `.${key}`)}`);
  return `{${entries.join()}}`;
}

function isPlain(value: object): boolean {
  if (isPromise(value) || isBoxedPrimitive(value) || isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of whichever realm: the prototype of all objects has none itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function noContent(path: string, value: unknown): CacheError {
  const name =
    typeof value === 'object' ? (value?.constructor?.name ?? 'an object') : `a ${typeof value}`;
  const rule = 'plain data: text, numbers, booleans, dates, bytes, arrays, objects, maps, sets';
  return invalid(path, rule, name);
}

function invalid(path: string, rule: string, received: unknown): CacheError {
  const text = typeof received === 'string' ? received : typeof received;
  return new CacheError('CACHE_KEY_INVALID', `Expected \`${path}\` to be ${rule}, got ${text}`);
}
