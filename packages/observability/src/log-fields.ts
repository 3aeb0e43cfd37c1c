import { isSecret, REDACTED } from './log-redaction.js';

const MAX_DEPTH = 12;

/**
 * Fields of a log line as plain data: errors with stack and cause chain wherever they stand, `toJSON` applied, bytes
 * as a size, cycles cut, and secrets replaced when `redact` is set. They are added to `target`, which is returned.
 * Never throws: what cannot be read is named so.
 */
export function plainFields(
  fields: object,
  redact: boolean,
  target: Record<string, unknown> = {},
): Record<string, unknown> {
  try {
    return copyInto(target, fields, redact, []);
  } catch (error) {
    target.unreadable_fields = error instanceof Error ? error.message : String(error);
    return target;
  }
}

/** On the path of every line: one pass, no entry arrays, and objects of the kind that V8 keeps fast. */
function copyInto(
  target: Record<string, unknown>,
  source: object,
  redact: boolean,
  above: object[],
): Record<string, unknown> {
  above.push(source);
  for (const key of Object.keys(source)) {
    const value: unknown = Reflect.get(source, key);
    const copy = redact && isSecret(key, value) ? REDACTED : copyValue(value, redact, above);
    if (key === '__proto__') defineKey(target, key, copy);
    else target[key] = copy;
  }
  above.pop();
  return target;
}

/** Assigned, this name would set the prototype instead. */
function defineKey(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true });
}

function copyValue(value: unknown, redact: boolean, above: object[]): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[circular]';
  if (above.length >= MAX_DEPTH) return '[too deep]';
  if (value instanceof Error) return copyError(value, redact, above);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    above.push(value);
    const plain = copyValue(value.toJSON(), redact, above);
    above.pop();
    return plain;
  }
  if (!Array.isArray(value)) return copyInto({}, value, redact, above);
  above.push(value);
  const items = value.map((item: unknown) => copyValue(item, redact, above));
  above.pop();
  return items;
}

/** `type`, `message`, `stack`, then what the error carries, `cause` and the `errors` of an AggregateError included. */
function copyError(error: Error, redact: boolean, above: object[]): Record<string, unknown> {
  const {
    name: _name,
    message: _message,
    stack: _stack,
    ...carried
  } = copyInto({}, error, redact, above);
  above.push(error);
  const plain: Record<string, unknown> = {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...carried,
  };
  // both are own properties, but not enumerable ones
  if (error.cause !== undefined) plain.cause = copyValue(error.cause, redact, above);
  if (error instanceof AggregateError) plain.errors = copyValue(error.errors, redact, above);
  above.pop();
  return plain;
}
