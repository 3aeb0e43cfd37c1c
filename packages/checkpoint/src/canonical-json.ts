import { CheckpointError } from './errors.js';

/** Levels a state may be nested. Deeper ones, and circular ones, are refused before they exhaust the stack. */
export const MAX_DEPTH = 1_000;

/** Where a value is in a state: keys and indexes from the root. */
export type Path = (string | number)[];

/** `$.users[3].name`, for messages. */
function pathText(path: Path): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  });
  const shown = steps.length > 24 ? [...steps.slice(0, 12), ' … ', ...steps.slice(-12)] : steps;
  return `$${shown.join('')}`;
}

/** The error for a value that a checkpoint cannot hold. */
export function invalidState(path: Path, problem: string): CheckpointError {
  const where = pathText(path);
  return new CheckpointError('CHECKPOINT_STATE_INVALID', `State at ${where} ${problem}`, {
    details: { path: where },
  });
}

/** Names what is not JSON, for messages. */
function nameOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return typeof value;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object';
}

/** JSON of a string, number, boolean or null, as RFC 8785 writes it. Anything else is refused with its path. */
export function scalarJson(value: unknown, path: Path): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw invalidState(path, `must be JSON, got ${nameOf(value)}`);
}

/** Whether a value is an object literal; a Date, a Map or a class instance would come back as something else. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Keys in the order of RFC 8785 (UTF-16 code units), without those whose value is `undefined`, as in JSON. */
export function canonicalKeys(value: Record<string, unknown>): string[] {
  return Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort();
}

/** Canonical JSON (RFC 8785) of a small value. */
export function canonicalJson(value: unknown, path: Path = []): string {
  if (path.length > MAX_DEPTH) throw tooDeep(path);
  if (Array.isArray(value)) {
    const items = Array.from(value, (item: unknown, index) =>
      canonicalJson(item, [...path, index]),
    );
    return `[${items.join(',')}]`;
  }
  if (!isPlainObject(value)) return scalarJson(value, path);
  const entries = canonicalKeys(value).map(
    (key) => `${JSON.stringify(key)}:${canonicalJson(value[key], [...path, key])}`,
  );
  return `{${entries.join(',')}}`;
}

/** The error for a state that is nested too deep, or holds itself. */
export function tooDeep(path: Path): CheckpointError {
  return invalidState(path, `is nested deeper than ${MAX_DEPTH} levels, or holds itself`);
}
