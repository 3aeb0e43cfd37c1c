import type { z } from 'zod';
import type { QueueIssue } from '../errors.js';
import { invalid, shown } from '../options.js';

/**
 * Checks an input.
 * @throws QueueError `QUEUE_INPUT_INVALID`, naming the field, the rule and what was received
 */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues: QueueIssue[] = parsed.error.issues.map((issue) => ({
    path: ['input', ...issue.path.map(String)].join('.'),
    rule: `valid (${issue.message})`,
    received: shown(issue.path.reduce<unknown>((value, key) => Object(value)[key], input)),
  }));
  throw invalid('QUEUE_INPUT_INVALID', issues);
}
