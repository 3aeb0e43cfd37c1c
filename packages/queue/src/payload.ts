import type { QueueErrorCode, QueueIssue } from './errors.js';
import { invalid, shown } from './options.js';
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js';

/** Where a value stands, for errors: a path, or what makes one, since most values fit. */
export type Root = string | (() => string);

const rootOf = (root: Root): string => (typeof root === 'string' ? root : root());

/** Where an issue is, as `payload.items[0].to`. */
function pathOf(root: Root, issue: StandardIssue): string {
  let path = rootOf(root);
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part;
    path += typeof key === 'number' ? `[${key}]` : `.${String(key)}`;
  }
  return path;
}

/** The value an issue is about, for the message. */
function valueAt(value: unknown, issue: StandardIssue): unknown {
  let found = value;
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part;
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[key];
  }
  return found;
}

/**
 * Checks a value against a schema.
 * @returns what the schema makes of it, or a promise of that where the schema is asynchronous
 * @throws QueueError with the given code, naming the first path and listing all
 */
export function check(
  schema: StandardSchema<unknown, unknown> | undefined,
  value: unknown,
  root: Root,
  code: QueueErrorCode,
): unknown {
  if (schema === undefined) return value;
  const outcome = schema['~standard'].validate(value);
  return outcome instanceof Promise
    ? outcome.then((validated) => outputOf(validated, value, root, code))
    : outputOf(outcome, value, root, code);
}

function outputOf(
  outcome: StandardResult<unknown>,
  value: unknown,
  root: Root,
  code: QueueErrorCode,
): unknown {
  if (outcome.issues === undefined) return outcome.value;
  const issues: QueueIssue[] = outcome.issues.map((issue) => ({
    path: pathOf(root, issue),
    rule: `valid (${issue.message})`,
    received: shown(valueAt(value, issue)),
  }));
  throw invalid(code, issues);
}

/**
 * The JSON text of a value; `undefined` becomes null.
 * @throws QueueError with the given code when the value has no JSON form or the text is too long
 */
export function encoded(
  value: unknown,
  root: Root,
  code: QueueErrorCode,
  maxBytes: number,
): string {
  let text: string | undefined;
  try {
    text = value === undefined ? 'null' : JSON.stringify(value);
  } catch (cause) {
    throw invalid(
      code,
      [{ path: rootOf(root), rule: 'a value that JSON can hold', received: shown(String(cause)) }],
      cause,
    );
  }
  if (text === undefined) {
    throw invalid(code, [
      { path: rootOf(root), rule: 'a value that JSON can hold', received: shown(value) },
    ]);
  }
  // A UTF-16 unit takes one to three bytes, so most texts need no counting.
  const tooLong =
    text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes);
  if (tooLong) {
    const received = `${Buffer.byteLength(text)} bytes`;
    throw invalid(code, [
      { path: rootOf(root), rule: `at most ${maxBytes} bytes of JSON`, received },
    ]);
  }
  return text;
}
