import { deserialize, serialize } from 'node:v8';
import type { Serializer } from './serializer.js';

/**
 * The structured clone of V8: keeps `Date`, `Map`, `Set`, `bigint`, bytes, `undefined` in objects, and cycles; an
 * instance of a class comes back as a plain object. Only for Node: newer releases read what older ones wrote, not the
 * other way round (which is a miss). Only for stores that nobody else can write to.
 */
export const v8Serializer: Serializer = {
  id: 'v8',
  encode: (value) => serialize(value),
  decode: (bytes) => deserialize(bytes),
};
