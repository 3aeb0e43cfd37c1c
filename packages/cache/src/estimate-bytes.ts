/** Bytes around a value in the memory tier: the slot (about 80, 105 with `'tinylfu'`), the head of the key, a promise once it is awaited. */
const ENTRY_OVERHEAD = 150;
const OBJECT_OVERHEAD = 32;
const SLOT = 8;
/** Beyond this many parts the rest is extrapolated: an estimate must not cost more than the value is worth. */
const MAX_PARTS = 10_000;

function binaryLength(value: object): number | undefined {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  return value instanceof ArrayBuffer ? value.byteLength : undefined;
}

function* partsOf(value: object): Generator<unknown> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) for (const [key, part] of value) yield* [key, part];
  else for (const [key, part] of Object.entries(value)) yield* [key, part];
}

/** Estimates the memory of a value and its key, without serialising it. Shared parts and cycles count once. */
export function estimateBytes(value: unknown, key: string): number {
  const seen = new Set<object>();
  const queue: unknown[] = [value];
  let bytes = ENTRY_OVERHEAD + key.length * 2;
  let parts = 0;
  while (queue.length > 0 && parts < MAX_PARTS) {
    const part = queue.pop();
    parts += 1;
    bytes += SLOT;
    if (typeof part === 'string') bytes += part.length * 2;
    if (typeof part !== 'object' || part === null || seen.has(part)) continue;
    seen.add(part);
    const binary = binaryLength(part);
    bytes += OBJECT_OVERHEAD + (binary ?? 0);
    if (binary === undefined) for (const child of partsOf(part)) queue.push(child);
  }
  return Math.ceil(queue.length === 0 ? bytes : (bytes / parts) * (parts + queue.length));
}
