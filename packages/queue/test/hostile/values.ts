import { expect } from 'vitest';
import { isQueueError, type QueueIssue } from '../../src/index.js';

const symbol: unknown = Symbol('hostile');
const nothing = (): undefined => undefined;

/** What no option that wants a number, a text or a date takes. */
const STRANGE: readonly unknown[] = [
  null,
  true,
  10n,
  symbol,
  nothing,
  {},
  [],
  [1],
  Object.create(null),
  new Map(),
  circular(),
];
const NUMBERS: readonly unknown[] = [Number.NaN, Number.POSITIVE_INFINITY, -1e300, 1e300];
const WORDS: readonly unknown[] = ['', '__proto__', 'constructor', 'toString', '5', '\0', '\ud800'];

/** An object that holds itself: no JSON, and a trap for whoever prints it. */
export function circular(): object {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  return loop;
}

/** A duration of at least `min` milliseconds, up to a hundred years. */
export const duration = (min = 0): readonly unknown[] => [
  ...[...STRANGE, ...NUMBERS, ...WORDS, -1, '-1s', '5 s', '5S', '1e3s', 'Infinitys', '١s'],
  ...['9'.repeat(400), `${'9'.repeat(400)}d`, '36501d', 36_501 * 86_400_000],
  ...(min > 0 ? [min - 1, `${min - 1}ms`, 0] : []),
];

/** A whole number within bounds. */
export const integer = (min: number, max: number): readonly unknown[] => [
  ...[...STRANGE, ...NUMBERS, ...WORDS, min - 1, max + 1, min + 0.5, Number.MAX_SAFE_INTEGER + 1],
];

/** A number within bounds. */
export const number = (min: number, max: number): readonly unknown[] => [
  ...[...STRANGE, ...NUMBERS, ...WORDS, min - 0.001, max + 0.001],
];

/** A text that is not empty, of at most `max` characters. */
export const text = (max: number): readonly unknown[] => [
  ...[...STRANGE, ...NUMBERS, 5, '', 'a\0b', 'a\ud800', '\udc00b', 'x'.repeat(max + 1)],
  new String('boxed'),
];

/** One of a few words, of which none is given here. */
export const word: readonly unknown[] = [...STRANGE, ...NUMBERS, ...WORDS, 'other'];

/** `true` or `false`. */
export const flag: readonly unknown[] = [...STRANGE.filter((v) => v !== true), 0, 1, 'true', ''];

/** A valid date from 1970 to 9999. */
export const date: readonly unknown[] = [
  ...[...STRANGE, ...NUMBERS, ...WORDS, 5, '2026-01-01T00:00:00Z'],
  ...[new Date(Number.NaN), new Date(-1), new Date(8.64e15), new Date('+010000-01-01')],
];

/** A function. */
export const fn: readonly unknown[] = [
  ...[...STRANGE, ...NUMBERS, ...WORDS, 5].filter((v) => v !== nothing),
];

/** An object with known properties: `{}` is one. Names beside those that are known, `__proto__` among them. */
export const object: readonly unknown[] = [
  ...[null, true, 5, 'text', 10n, symbol, nothing, [], [{}]],
  ...[{ unknown: 1 }, { toString: 1 }, { constructor: 1 }, JSON.parse('{"__proto__":{"a":1}}')],
  circular(),
];

/** An array. */
export const list: readonly unknown[] = [
  null,
  true,
  5,
  'text',
  10n,
  symbol,
  nothing,
  {},
  new Map(),
];

/** Refused: what was called, with what, and the error. */
export interface Refusal {
  readonly code: string;
  readonly issue: QueueIssue;
}

/** Calls, and expects an error that names the option, the rule and what was received. */
export async function refusal(call: () => unknown, path: string): Promise<Refusal> {
  let outcome: unknown;
  try {
    outcome = await call();
  } catch (error) {
    return read(error, path);
  }
  throw new Error(`nothing refused \`${path}\`: ${String(outcome)}`);
}

function read(error: unknown, path: string): Refusal {
  if (!isQueueError(error)) throw error;
  const [issue] = (error.details?.issues ?? []) as QueueIssue[];
  if (issue === undefined) throw error;
  // The option itself, or a part of it.
  expect(issue.path === path || /^[.[]/.test(issue.path.slice(path.length))).toBe(true);
  expect(issue.path.slice(0, path.length)).toBe(path);
  expect(issue.rule).not.toBe('');
  expect(issue.received).toMatch(/./);
  expect(issue.received.length).toBeLessThan(200);
  for (const part of [issue.path, issue.rule, issue.received])
    expect(error.message).toContain(part);
  return { code: error.code, issue };
}
