import { isSecret, REDACTED } from './log-redaction.js';

const MAX_DEPTH = 12;

/**
 * Fields of a log line as plain data: errors with stack and cause chain wherever they stand, `toJSON` applied, bytes
 * as a size, cycles cut, and secrets replaced when `redact` is set. Never throws: what cannot be read is named so.
 */
export function plainFields(fields: object, redact: boolean): Record<string, unknown> {
  try {
    return { ...copyObject(fields, redact, []) };
  } catch (error) {
    return { unreadable_fields: error instanceof Error ? error.message : String(error) };
  }
}

function copyObject(source: object, redact: boolean, above: object[]): Record<string, unknown> {
  // without a prototype a key named __proto__ is a key like any other
  const target: Record<string, unknown> = Object.create(null);
  above.push(source);
  for (const [key, value] of Object.entries(source)) {
    target[key] = redact && isSecret(key, value) ? REDACTED : copyValue(value, redact, above);
  }
  above.pop();
  return target;
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
  if (!Array.isArray(value)) return copyObject(value, redact, above);
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
  } = copyObject(error, redact, above);
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
