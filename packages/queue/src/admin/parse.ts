import type { z } from 'zod';
import type { QueueIssue } from '../errors.js';
import { invalid, readable, shown } from '../options.js';

/** No input is nested deeper. */
const MAX_DEPTH = 5;

/**
 * Checks an input.
 * @throws QueueError `QUEUE_INPUT_INVALID`, naming the field, the rule and what was received
 */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = readable('input', () => {
    refuseProto(input, 'input', MAX_DEPTH);
    return schema.safeParse(input);
  });
  if (parsed.success) return parsed.data;
  const issues: QueueIssue[] = parsed.error.issues.map((issue) => ({
    path: ['input', ...issue.path.map(String)].join('.'),
    rule: `valid (${issue.message})`,
    received: shown(issue.path.reduce<unknown>((value, key) => Object(value)[key], input)),
  }));
  throw invalid('QUEUE_INPUT_INVALID', issues);
}

/** A property called `__proto__`, as JSON can hold one, is passed over by schemas: it would be ignored in silence. */
function refuseProto(value: unknown, path: string, depth: number): void {
  if (depth === 0 || typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const name of Object.keys(value)) {
    const part: unknown = Reflect.get(value, name);
    if (name === '__proto__') {
      const issue = { path: `${path}.__proto__`, rule: 'absent', received: shown(part) };
      throw invalid('QUEUE_INPUT_INVALID', [issue]);
    }
    // A payload is the caller's own.
    if (name !== 'payload') refuseProto(part, `${path}.${name}`, depth - 1);
  }
}
